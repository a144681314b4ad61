# migrations(TARGET ADAPTER FOLDER): the numbered files of FOLDER become part of the program, with a
# table of them: adapters::ADAPTER::Migrations(), declared in src/adapters/ADAPTER/schema.h.
function(migrations target adapter folder)
  file(GLOB files CONFIGURE_DEPENDS ${folder}/[0-9]*.sql)
  set(declarations "")
  set(rows "")
  foreach(path ${files})
    get_filename_component(name ${path} NAME_WE) # 0001_lists
    string(REGEX MATCH "^[0-9][0-9][0-9][0-9]_[a-z0-9_]+$" valid ${name})
    if(NOT valid)
      message(FATAL_ERROR "${path}: migrations are named as 0002_what.sql")
    endif()
    string(SUBSTRING ${name} 0 4 digits)
    string(REGEX REPLACE "^0+" "" number ${digits})
    set(symbol ${adapter}_migration_${name})
    embed(${target} ${symbol} ${path})
    string(APPEND declarations
      "extern const char ${symbol}_begin[];\nextern const char ${symbol}_end[];\n")
    string(APPEND rows "      {${number}, \"${name}\", {${symbol}_begin, ${symbol}_end}},\n")
  endforeach()
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/migrations_table.cc CONTENT [=[
#include "adapters/@adapter@/schema.h"

extern "C" {
@declarations@}

namespace adapters::@adapter@ {

std::span<const Migration> Migrations() {
  static const Migration kAll[] = {
@rows@  };
  return kAll;
}

}  // namespace adapters::@adapter@
]=] @ONLY)
  target_sources(${target} PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/migrations_table.cc)
endfunction()

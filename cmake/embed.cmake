# embed(TARGET NAME FILE): puts FILE's bytes into TARGET as `extern "C" const char NAME_begin[],
# NAME_end[]`. The assembler reads the file, so a large one costs no compile time.
function(embed TARGET NAME FILE)
  set(source ${CMAKE_CURRENT_BINARY_DIR}/embed_${NAME}.cc)
  file(CONFIGURE OUTPUT ${source} CONTENT [=[
asm(R"(
.section .rodata
.balign 16
.global @NAME@_begin
@NAME@_begin:
.incbin "@FILE@"
.global @NAME@_end
@NAME@_end:
.byte 0
.previous
)");
]=] @ONLY)
  set_source_files_properties(${source} PROPERTIES OBJECT_DEPENDS ${FILE})
  target_sources(${TARGET} PRIVATE ${source})
endfunction()

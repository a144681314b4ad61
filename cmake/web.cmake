# The target web_files: the page of web/, built and put into the program. With LISTS_WEB=OFF (builds
# under sanitizers, machines without node) it holds no page.
option(LISTS_WEB "Build the page into the program" ON)

if(LISTS_WEB)
  set(web ${PROJECT_SOURCE_DIR}/web)
  set(out ${CMAKE_BINARY_DIR}/web_files)
  file(GLOB_RECURSE web_sources CONFIGURE_DEPENDS ${web}/src/* ${web}/public/*)
  add_custom_command(
    OUTPUT ${out}/modules.stamp
    # One place installs them, once for each state of the lock file: builds and tests share them.
    COMMAND bash -c ". tools/setup.sh && need_web"
    COMMAND ${CMAKE_COMMAND} -E make_directory ${out}
    COMMAND ${CMAKE_COMMAND} -E touch ${out}/modules.stamp
    DEPENDS ${web}/package-lock.json ${web}/package.json
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    VERBATIM
    COMMENT "Installing the page's packages" VERBATIM)
  add_custom_command(
    OUTPUT ${out}/web_files.cc
    COMMAND npm run --silent build
    COMMAND python3 ${PROJECT_SOURCE_DIR}/tools/embed_web.py ${web}/dist ${out}
    COMMAND ${CMAKE_COMMAND} -E touch ${out}/web_files.cc
    DEPENDS ${out}/modules.stamp ${web_sources} ${web}/index.html ${web}/vite.config.ts
            ${web}/tsconfig.json ${PROJECT_SOURCE_DIR}/tools/embed_web.py
    WORKING_DIRECTORY ${web}
    COMMENT "Building the page")
  add_library(web_files STATIC ${out}/web_files.cc)
else()
  add_library(web_files STATIC ${PROJECT_SOURCE_DIR}/src/web_files/none.cc)
endif()
target_link_libraries(web_files PUBLIC options)

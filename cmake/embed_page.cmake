# Makes OUT, a C++ file, of the files of the HTML report in DIR: cmake -DDIR=web -DOUT=report_page.cpp -P embed_page.cmake
# Bytes as numbers: a literal ends where its text says so.
set(SCRIPTS format.js data.js charts.js timeline.js table.js summary.js main.js)

function(append_file variable)
  foreach(file ${ARGN})
    file(READ ${DIR}/${file} hex HEX)
    string(APPEND ${variable} "${hex}0a")
  endforeach()
  set(${variable} "${${variable}}" PARENT_SCOPE)
endfunction()

# Our scripts share one scope of their own.
string(HEX "(() => {\n'use strict';\n" open)
string(HEX "})();\n" close)

append_file(Frame report.html)
append_file(Style uplot/uPlot.min.css report.css)
append_file(Script uplot/uPlot.iife.min.js)
string(APPEND Script "${open}")
append_file(Script ${SCRIPTS})
string(APPEND Script "${close}")

set(text "// Made by cmake/embed_page.cmake of the files in web/.\n#include \"log/report_page.hpp\"\n\nnamespace duct_log {\n")
foreach(part Frame Style Script)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${${part}}")
  string(APPEND text "static const unsigned char kBytesOf${part}[] = {${bytes}};\n"
    "const std::string_view kReport${part}(reinterpret_cast<const char*>(kBytesOf${part}), sizeof kBytesOf${part});\n")
endforeach()
file(WRITE ${OUT} "${text}}  // namespace duct_log\n")

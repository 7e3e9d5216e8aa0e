# Manual pages from what the programs say of themselves: espalier(1), and espalier-COMMAND(1) for each command.
# cmake -DPROGRAM=espalier -DVERSION= -DOUTPUT=share/man/man1 -P ManPages.cmake
unset(ENV{ESPALIER_WORKER})

function(help_of result)
  execute_process(COMMAND "${PROGRAM}" ${ARGN} --help RESULT_VARIABLE failed OUTPUT_VARIABLE text ERROR_VARIABLE text)
  if(failed)
    message(FATAL_ERROR "no manual pages: ${PROGRAM} ${ARGN} --help ends with ${failed}:\n${text}")
  endif()
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

# The first line of a help says what a command is for; all of it stands in the page as it is.
function(write_page name help)
  string(REGEX REPLACE "\n.*" "" summary "${help}")
  foreach(text IN ITEMS summary help)
    string(REPLACE "\\" "\\e" ${text} "${${text}}")
    string(REPLACE "-" "\\-" ${text} "${${text}}")
    string(REGEX REPLACE "(^|\n)([.'])" "\\1\\\\&\\2" ${text} "${${text}}")
  endforeach()
  string(REPLACE "-" "\\-" title "${name}")
  file(WRITE "${OUTPUT}/${name}.1" ".TH ${name} 1 \"\" \"Espalier ${VERSION}\"\n.SH NAME\n${title} \\- ${summary}\n"
    ".SH DESCRIPTION\n.nf\n${help}\n.fi\n.SH SEE ALSO\nespalier(1), espalier plugins, and README.md of the sources\n")
endfunction()

help_of(help)
write_page(espalier "${help}")
string(REGEX MATCHALL "\n  [a-z]+ +[A-Z]" commands "${help}")
foreach(command IN LISTS commands)
  string(REGEX REPLACE "^\n  ([a-z]+) .*" "\\1" command "${command}")
  help_of(help ${command})
  write_page(espalier-${command} "${help}")
endforeach()

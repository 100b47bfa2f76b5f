# Read by CPack before it starts: the version is that of the programs, in Debian's order (0.1.0~dev... comes before 0.1.0).
file(READ ${CPACK_DUCT_BPF_VERSION_HEADER} header)
string(REGEX REPLACE "^[^\"]*\"([^\"]*)\".*$" "\\1" version "${header}")
string(REPLACE -dev ~dev CPACK_PACKAGE_VERSION ${version})

# The comments of a header as doxygen reads them: what stands above is ///, what stands behind is ///<, and no sign in them is a command.
/^ *\/\/ /{
s|\\|\\\\|g
s|@|\\@|g
s|<|\&lt;|g
s|^\( *\)// |\1/// |
}
s|\([;,{)]\)  *// |\1  ///< |

#!/bin/sh
# Checks a source tree against the dependency law that its docs/architecture.md states, and the length of its files.
# includes.sh ROOT: one line a violation, exit status 1 when there is one.
set -eu
cd "$1"
longest=550 # lines; the style says "about 500"

law="$(awk '/^```law$/ { inside = 1; next } /^```/ { inside = 0 } inside' docs/architecture.md)"
if [ -z "$law" ]; then
  echo "docs/architecture.md: has no block that starts with \`\`\`law" >&2
  exit 1
fi

find include src \( -name '*.c' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' \) | sort | tr '\n' '\0' |
  LAW="$law" xargs -0 awk -v longest="$longest" '
  function complain(text) { print text; failed = 1 }

  # Folder of the law that a file belongs to.
  function area_of(path, parts) {
    split(path, parts, "/")
    if (parts[1] == "include") return "include"
    return parts[2] == "host" ? parts[3] : parts[2]
  }

  function check_length() { if (lines > longest) complain(file ": " lines " lines; split it (at most " longest ")") }

  BEGIN {
    count = split(ENVIRON["LAW"], rows, "\n")
    for (i = 1; i <= count; i++) {
      n = split(rows[i], words, " ")
      if (n == 0) continue
      if (words[1] ~ /^</) { # <header> -> folders
        pattern = substr(words[1], 2, length(words[1]) - 2)
        gsub(/[.]/, "[.]", pattern)
        gsub(/[*]/, ".*", pattern)
        vendors[++vendor_count] = "^" pattern "$"
        for (j = 3; j <= n; j++) vendor_folders[vendor_count] = vendor_folders[vendor_count] " " words[j]
      } else { # folder -> folders and headers
        known[words[1]] = 1
        for (j = 3; j <= n; j++) allowed[words[1], words[j]] = 1
      }
    }
  }

  FNR == 1 {
    check_length()
    file = FILENAME
    area = area_of(file)
    if (!(area in known)) complain(file ": folder " area " is not in the law (docs/architecture.md)")
  }

  { lines = FNR }

  /^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    header = quoted[2]
    slash = index(header, "/")
    folder = slash ? substr(header, 1, slash - 1) : area
    if (header ~ /^[.][.]?\//) complain(file ":" FNR ": \"" header "\": name headers from src/host or include")
    else if (folder != area && !(area == "include" && folder == "limn") && !((area, folder) in allowed) &&
             !((area, header) in allowed))
      complain(file ":" FNR ": " area " may not include \"" header "\" (law: docs/architecture.md)")
  }

  /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
    split($0, parts, /[<>"]/)
    for (i = 1; i <= vendor_count; i++) {
      if (parts[2] !~ vendors[i]) continue
      permitted = 0
      n = split(vendor_folders[i], folders, " ")
      for (j = 1; j <= n; j++)
        if (index(file, "src/host/" folders[j] "/") == 1 || index(file, "src/" folders[j] "/") == 1) permitted = 1
      if (!permitted)
        complain(file ":" FNR ": <" parts[2] "> belongs to" vendor_folders[i] " alone (law: docs/architecture.md)")
    }
  }

  END {
    check_length()
    exit failed
  }' >&2

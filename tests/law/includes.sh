#!/bin/sh
# Checks a source tree against the dependency law that its docs/architecture.md states, for circles between files of different rooms, and the
# length of its files. A room is a folder that the law names, with those below it that it does not name.
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

  # The room of a folder: the longest name in the law that it is or lies in; its first part where there is none.
  function room_of(folder, known_part) {
    for (known_part = folder; !(known_part in known); )
      if (!sub("/[^/]*$", "", known_part)) return known_part
    return known_part
  }

  # The folder of a file, as headers are named from src/host or src.
  function folder_of(path) {
    if (path ~ /^include\//) return "include"
    sub("^src/(host/)?", "", path)
    sub("/[^/]*$", "", path)
    return path
  }

  # A file of code with its header.
  function module_of(path) {
    sub("^(src/(host/)?|include/)", "", path)
    sub("[.][a-z]*$", "", path)
    return path
  }

  # Whether one module includes another, by however many between.
  function leads_to(from, to, seen, stack, height, targets, count, i) {
    stack[height = 1] = from
    seen[from] = 1
    while (height > 0) {
      count = split(edges[stack[height--]], targets, " ")
      for (i = 1; i <= count; i++) {
        if (targets[i] == to) return 1
        if (targets[i] in seen) continue
        seen[targets[i]] = 1
        stack[++height] = targets[i]
      }
    }
    return 0
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
    area = room_of(folder_of(file))
    module = module_of(file)
    room[module] = area
    if (!(area in known)) complain(file ": folder " area " is not in the law (docs/architecture.md)")
  }

  { lines = FNR }

  /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
    split($0, quoted, /[<>"]/)
    header = quoted[2]
    first = header
    sub("/.*", "", first)
    inner = header
    folder = sub("/[^/]*$", "", inner) ? room_of(inner) : area
    if ($0 !~ /"/ && !(first in known)) folder = area # of the system or of a library: below
    else if (folder != "limn" || area == "include") edges[module] = edges[module] " " module_of(header ~ /\// ? header : folder_of(file) "/" header)
    if (header ~ /(^|\/)[.][.]?\//) complain(file ":" FNR ": \"" header "\": name headers from src/host or include")
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
    for (module in room) {
      targets = split(edges[module], next_modules, " ")
      for (i = 1; i <= targets; i++)
        if (next_modules[i] in room && room[next_modules[i]] != room[module] && leads_to(next_modules[i], module))
          complain("a circle between rooms: " module " -> " next_modules[i] " -> ... -> " module)
    }
    exit failed
  }' >&2

#compdef duct-bpf
# SPDX-License-Identifier: MIT
# zsh completion for duct-bpf: its options and their values, then the command's own words.
local -a types=(all system-summary processes-samples processes-summary)
_arguments -s -S -A '-*' \
  '(-p --output-prefix)'{-p+,--output-prefix=}'[path of the files]:prefix:_files' \
  '--clobber[overwrite files that exist]' \
  '(-t --record-types)'{-t+,--record-types=}'[what to write]:record types:_sequence compadd - $types' \
  '(-m --message)'{-m+,--message=}'[a note to keep in info.json]:text: ' \
  '(--fail-time --f-t)'{--fail-time=,--f-t=}'[drop records if it fails sooner]:seconds: ' \
  '--max-argv=[keep so much of each command line]:size: ' \
  '--usage-max-processes=[most processes of a report]:number: ' \
  '(-c --capture-outputs)'{-c+,--capture-outputs=}'[to files]:which:(all none stdout stderr)' \
  '(-o --outputs)'{-o+,--outputs=}'[passed on]:which:(all none stdout stderr spinner dotter)' \
  '--pty[give the command a terminal of its own]' \
  '(--sample-interval --s-i)'{--sample-interval=,--s-i=}'[between two samples]:seconds: ' \
  '(--report-interval --r-i)'{--report-interval=,--r-i=}'[between two reports]:seconds: ' \
  '--sampler=[how processes are seen]:name:(bpf procfs)' \
  '--memory=[memory between samples]:how:(fast exact sampled)' \
  '--pss[physical memory of each process at each sample]' \
  '--attach=[record a running process and its descendants]:process:_pids' \
  '--duration=[with --attach\: for so long]:seconds: ' \
  '--wait-all[stay until the last descendant has ended]' \
  '--drain-time=[wait so long for stragglers at the end]:seconds: ' \
  '--on-tracer-death=[if duct-bpf is killed]:what:(continue kill)' \
  '--mode=[session of the command]:mode:(new-session current-session)' \
  '(-u --user)'{-u+,--user=}'[run the command as this user]:user:_users' \
  '--as-invoker[run the command as the user who called sudo]' \
  '(-l --log-level)'{-l+,--log-level=}'[messages]:level:(NONE CRITICAL ERROR WARNING INFO DEBUG)' \
  '(-q --quiet)'{-q,--quiet}'[as --log-level NONE]' \
  '--summary-format=[of the summary]:format: ' \
  '--colors[colours in the summary]' \
  '--ring-size=[ring buffer]:size: ' \
  '--max-processes=[processes alive at once]:number: ' \
  '(- *)'{-h,--help}'[show the options and exit]' \
  '--doctor[what this machine allows, and how to mend it]' \
  '--json[with --doctor\: as JSON]' \
  '(- *)--version[show the version and exit]' \
  '(-)1:command: _command_names -e' \
  '*::argument: _normal'

#compdef duct-log
# SPDX-License-Identifier: MIT
# zsh completion for duct-log: its subcommands, their options and values, else files.
local context state state_descr line
local -A opt_args
_arguments -C \
  '--colors[colours also where the output is no terminal]' \
  '--no-colors[no colours]' \
  '--no-pager[do not page what is longer than the terminal]' \
  '(- *)--version[show the version and exit]' \
  '(- *)'{-h,--help}'[show the options and exit]' \
  '1:subcommand:(ls pp show tree by compare audit check baseline report plot export)' \
  '*::argument:->argument'
local -i status_of_words=$?
[[ $state == argument ]] || return status_of_words
case $line[1] in
ls)
  _arguments \
    '(-f --format)'{-f+,--format=}'[of the output]:format:(auto table pyout summaries json json_pp yaml csv)' \
    '(-F --fields)'{-F+,--fields=}'[what to show behind prefix]:field: ' \
    '(-e --eval-filter)'{-e+,--eval-filter=}'[list those for which this holds]:expr: ' \
    '--sort=[order by this field]:field: ' \
    '--reverse[the other way round]' \
    '(- *)'{-h,--help}'[show the options and exit]' \
    '*:run:_files'
  ;;
pp)
  _arguments \
    '(-H --humanize)'{-H,--humanize}'[sizes, times and dates with their units]' \
    '(- *)'{-h,--help}'[show the options and exit]' \
    '*:run:_files'
  ;;
show)
  _arguments \
    '(-n --count)'{-n+,--count=}'[rows of each list]:n: ' \
    '(- *)'{-h,--help}'[show the options and exit]' \
    '*:run:_files'
  ;;
tree)
  _arguments \
    '(-e --eval-filter)'{-e+,--eval-filter=}'[of processes]:expr: ' \
    '--no-collapse[a row for each process]' \
    '--rows=[most rows]:n: ' \
    '--depth=[not deeper below the command]:n: ' \
    '(- *)'{-h,--help}'[show the options and exit]' \
    '*:run:_files'
  ;;
by)
  _arguments \
    '(-e --eval-filter)'{-e+,--eval-filter=}'[of processes]:expr: ' \
    '--key=[what to put together by]:key:(program words uid depth)' \
    '--words=[so many words of the command line]:n: ' \
    '--sort=[order of the rows]:what:(cpu count memory failed)' \
    '(-n --count)'{-n+,--count=}'[most rows]:n: ' \
    '--short=[what lived no longer is short-lived]:sec: ' \
    '(- *)'{-h,--help}'[show the options and exit]' \
    '*:run:_files'
  ;;
compare)
  _arguments \
    '(-n --count)'{-n+,--count=}'[most programs that differ]:n: ' \
    '(- *)'{-h,--help}'[show the options and exit]' \
    '*:run:_files'
  ;;
audit)
  _arguments \
    '--interval=[seconds between two samples]:sec: ' \
    '(-n --count)'{-n+,--count=}'[most programs that were missed]:n: ' \
    '(- *)'{-h,--help}'[show the options and exit]' \
    '*:run:_files'
  ;;
check)
  _arguments \
    '--max-peak-rss=[memory of all processes at one moment]:size: ' \
    '--max-peak-pss=[the same, shared pages counted once]:size: ' \
    '--max-cpu=[CPU time]:time: ' \
    '--max-wall=[wall clock]:time: ' \
    '--max-processes=[processes in all]:n: ' \
    '--max-processes-at-once=[processes alive at once]:n: ' \
    '--no-failed[neither the command nor a process below it has failed]' \
    '--exact[no process was lost]' \
    '--baseline=[as duct-log baseline wrote it]:file:_files' \
    '--tolerance=[so much above the mean is fine]:percent: ' \
    '(- *)'{-h,--help}'[show the options and exit]' \
    '*:run:_files'
  ;;
baseline)
  _arguments \
    '(- *)'{-h,--help}'[show the options and exit]' \
    '*:run:_files'
  ;;
report)
  _arguments \
    '--format=[of the output]:format:(markdown html)' \
    '(-o --output)'{-o+,--output=}'[the file to write]:file:_files' \
    '--max-processes=[most processes listed]:n: ' \
    '(- *)'{-h,--help}'[show the options and exit]' \
    '*:run:_files'
  ;;
plot)
  _arguments \
    '(-o --output)'{-o+,--output=}'[a picture]:file:_files' \
    '--cpu=[how CPU is counted]:mode:(auto ps-pcpu ps-cpu-timepoint)' \
    '--min-ratio=[an axis has the largest unit of which it goes to so many at least]:ratio: ' \
    '--largest=[so many processes have a curve of their own]:n: ' \
    '(- *)'{-h,--help}'[show the options and exit]' \
    '*:run:_files'
  ;;
export)
  _arguments \
    '--format=[of the output]:format:(trace csv json)' \
    '--rows=[a line for each]:what:(processes reports samples)' \
    '(-o --output)'{-o+,--output=}'[the file to write]:file:_files' \
    '(- *)'{-h,--help}'[show the options and exit]' \
    '*:run:_files'
  ;;
esac

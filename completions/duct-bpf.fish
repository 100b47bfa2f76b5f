# SPDX-License-Identifier: MIT
# fish completion for duct-bpf: its options and their values, then the command's own words.
complete -c duct-bpf -f
# The words from the command on; false where it has not begun: the options are ours until then.
function __duct_bpf_command
    set -l words (commandline -opc)[2..]
    set -l valued -p --output-prefix -t --record-types -m --message --fail-time --f-t --max-argv --usage-max-processes \
        -c --capture-outputs -o --outputs --sample-interval --s-i --report-interval --r-i --sampler --memory --attach \
        --duration --drain-time --on-tracer-death --mode -u --user -l --log-level --summary-format --ring-size --max-processes
    while set -q words[1]
        switch $words[1]
            case --
                set -e words[1]
                string join -- \n $words
                return 0
            case '-*'
                contains -- $words[1] $valued; and set -e words[1]
                set -e words[1]
            case '*'
                string join -- \n $words
                return 0
        end
    end
    return 1
end
complete -c duct-bpf -n __duct_bpf_command -a '(complete -C "$(string join " " -- (string escape -- (__duct_bpf_command)) (commandline -ct))")'
complete -c duct-bpf -n 'not __duct_bpf_command' -a '(__fish_complete_command)'
set -l option complete -c duct-bpf -n 'not __duct_bpf_command'
$option -s p -l output-prefix -rF -d 'path of the files'
$option -l clobber -d 'overwrite files that exist'
$option -s t -l record-types -xa 'all system-summary processes-samples processes-summary' -d 'what to write'
$option -s m -l message -x -d 'a note to keep in info.json'
$option -l fail-time -x -d 'drop records if it fails sooner'
$option -l f-t -x -d 'as --fail-time'
$option -l max-argv -x -d 'keep so much of each command line'
$option -l usage-max-processes -x -d 'most processes of a report'
$option -s c -l capture-outputs -xa 'all none stdout stderr' -d 'to files'
$option -s o -l outputs -xa 'all none stdout stderr spinner dotter' -d 'passed on'
$option -l pty -d 'give the command a terminal of its own'
$option -l sample-interval -x -d 'between two samples'
$option -l s-i -x -d 'as --sample-interval'
$option -l report-interval -x -d 'between two reports'
$option -l r-i -x -d 'as --report-interval'
$option -l sampler -xa 'bpf procfs' -d 'how processes are seen'
$option -l memory -xa 'fast exact sampled' -d 'memory between samples'
$option -l pss -d 'physical memory of each process at each sample'
$option -l attach -xa '(__fish_complete_pids)' -d 'record a running process and its descendants'
$option -l duration -x -d 'with --attach: for so long'
$option -l wait-all -d 'stay until the last descendant has ended'
$option -l drain-time -x -d 'wait so long for stragglers at the end'
$option -l on-tracer-death -xa 'continue kill' -d 'if duct-bpf is killed'
$option -l mode -xa 'new-session current-session' -d 'session of the command'
$option -s u -l user -xa '(__fish_complete_users)' -d 'run the command as this user'
$option -l as-invoker -d 'run the command as the user who called sudo'
$option -s l -l log-level -xa 'NONE CRITICAL ERROR WARNING INFO DEBUG' -d messages
$option -s q -l quiet -d 'as --log-level NONE'
$option -l summary-format -x -d 'of the summary'
$option -l colors -d 'colours in the summary'
$option -l ring-size -x -d 'ring buffer'
$option -l max-processes -x -d 'processes alive at once'
$option -s h -l help -d 'show the options and exit'
$option -l doctor -d 'what this machine allows, and how to mend it'
$option -l json -d 'with --doctor: as JSON'
$option -l version -d 'show the version and exit'

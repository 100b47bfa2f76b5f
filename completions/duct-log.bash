# SPDX-License-Identifier: MIT
# bash completion for duct-log: its subcommands, their options and values, else files.
_duct_log() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} i command= options words=
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		if [[ ${COMP_WORDS[i]} != -* ]]; then
			command=${COMP_WORDS[i]}
			break
		fi
	done
	case $command in
	'') options='--colors --no-colors --no-pager --version' ;;
	ls) options='-f --format -F --fields -e --eval-filter --sort --reverse' ;;
	pp) options='-H --humanize' ;;
	show | compare) options='-n --count' ;;
	tree) options='-e --eval-filter --no-collapse --rows --depth' ;;
	by) options='-e --eval-filter --key --words --sort -n --count --short' ;;
	audit) options='--interval -n --count' ;;
	check) options='--max-peak-rss --max-peak-pss --max-cpu --max-wall --max-processes --max-processes-at-once --no-failed --exact --baseline --tolerance' ;;
	report) options='--format -o --output --max-processes' ;;
	plot) options='-o --output --cpu --min-ratio --largest' ;;
	export) options='--format --rows -o --output' ;;
	esac
	# bash takes "--name=value" apart at the "=".
	[[ $previous == = ]] && previous=${COMP_WORDS[COMP_CWORD-2]}
	[[ $current == = ]] && current=
	case $command:$previous in
	ls:-f | ls:--format) words='auto table pyout summaries json json_pp yaml csv' ;;
	by:--key) words='program words uid depth' ;;
	by:--sort) words='cpu count memory failed' ;;
	report:--format) words='markdown html' ;;
	plot:--cpu) words='auto ps-pcpu ps-cpu-timepoint' ;;
	export:--format) words='trace csv json' ;;
	export:--rows) words='processes reports samples' ;;
	*)
		if [[ $current == -* ]]; then
			words="$options -h --help"
		elif [[ -z $command ]]; then
			words='ls pp show tree by compare audit check baseline report plot export'
		else
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
			return
		fi
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

complete -F _duct_log duct-log

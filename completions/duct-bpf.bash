# SPDX-License-Identifier: MIT
# bash completion for duct-bpf: its options and their values, then the command's own words.
_duct_bpf() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} i words=
	local flags='--clobber --pty --pss --wait-all --as-invoker --doctor --json -q --quiet --colors -h --help --version'
	local valued='-p --output-prefix -t --record-types -m --message --fail-time --f-t --max-argv
		--usage-max-processes -c --capture-outputs -o --outputs --sample-interval --s-i --report-interval --r-i --sampler
		--memory --attach --duration --drain-time --on-tracer-death --mode -u --user -l --log-level --summary-format --ring-size
		--max-processes'
	COMPREPLY=()

	# The first word that is neither an option nor an option's value is the command; "--" may stand before it.
	# bash takes "--name=value" apart at the "=".
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--)
			((i++))
			break
			;;
		--*) if [[ ${COMP_WORDS[i+1]} == = ]]; then ((i += 2)); elif _duct_bpf_has "$valued" "${COMP_WORDS[i]}"; then ((i++)); fi ;;
		-?*) if _duct_bpf_has "$valued" "${COMP_WORDS[i]}"; then ((i++)); fi ;;
		*) break ;;
		esac
	done
	if ((i < COMP_CWORD)); then
		if declare -F _command_offset >/dev/null; then
			_command_offset "$i"
		else
			mapfile -t COMPREPLY < <(compgen -f -- "$current")
		fi
		return
	fi

	[[ $current == = ]] && current=
	[[ $previous == = ]] && previous=${COMP_WORDS[COMP_CWORD-2]}
	if ((i > COMP_CWORD)) || [[ ${COMP_WORDS[COMP_CWORD-1]} == = || ${COMP_WORDS[COMP_CWORD]} == = ]]; then
		case $previous in
		-t | --record-types) words='all system-summary processes-samples processes-summary' ;;
		-c | --capture-outputs) words='all none stdout stderr' ;;
		-o | --outputs) words='all none stdout stderr spinner dotter' ;;
		--sampler) words='bpf procfs' ;;
		--memory) words='fast exact sampled' ;;
		--mode) words='new-session current-session' ;;
		--on-tracer-death) words='continue kill' ;;
		-l | --log-level) words='NONE CRITICAL ERROR WARNING INFO DEBUG' ;;
		--attach)
			i=(/proc/[0-9]*)
			words=${i[*]#/proc/}
			;;
		-u | --user) words=$(compgen -u) ;;
		-p | --output-prefix) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
		esac
	elif [[ $current == -* ]]; then
		words="$flags ${valued//[$'\t\n']/ } --"
	else
		mapfile -t COMPREPLY < <(compgen -c -- "$current")
		return
	fi
	[[ -z $words ]] || mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}

_duct_bpf_has() { [[ " ${1//[$'\t\n']/ } " == *" $2 "* ]]; }

complete -F _duct_bpf duct-bpf

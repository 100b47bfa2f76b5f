// SPDX-License-Identifier: MIT
// What is said in words and numbers: the head, the tiles, warnings, completeness, the run.

function outcomePill(run) {
  if (known(run.exit_signal)) return element('span', {class: 'pill bad'}, `killed by signal ${run.exit_signal}`);
  if (run.termination === 'timeout' || run.termination === 'interrupted') return element('span', {class: 'pill warn'}, run.termination);
  if (!known(run.exit_code)) return element('span', {class: 'pill warn'}, 'still alive');
  return element('span', {class: `pill ${run.exit_code === 0 ? 'good' : 'bad'}`}, `exit ${run.exit_code}`);
}

function showHead(run) {
  const heading = byId('command');
  heading.textContent = shown(run.command || '(no command)');
  heading.title = 'Click for all of it';
  heading.addEventListener('click', () => heading.classList.toggle('open'));
  byId('outcome').append(outcomePill(run));
  const place = [known(run.start_time) ? dateText(run.start_time) : null, run.hostname ? `on ${shown(run.hostname)}` : null, run.user ? `by ${shown(run.user)}` : null,
    run.working_directory ? `in ${shown(run.working_directory)}` : null];
  byId('origin').textContent = place.filter(known).join(' · ');
  if (run.message) {
    byId('message').textContent = shown(run.message);
    byId('message').hidden = false;
  }
}

function tile(name, value, note, tone = '') {
  return element('div', {class: 'tile'}, element('div', {class: 'name'}, name), element('div', {class: `value ${tone}`}, value), element('div', {class: 'note'}, (note ?? '').replace(/(\d) (?=\D)/g, '$1\u00a0')));
}

const losses = (completeness) => Object.entries(completeness).filter(([name, value]) => name.startsWith('lost_') && value > 0);

function completenessTile(run, completeness) {
  if (!completeness) return tile('Complete?', 'unknown', 'sampled by con-duct');
  if (completeness.exact) return tile('Complete', 'yes', `${countText(completeness.forks)} forks, 0 lost`, 'good');
  if (run.sampler === 'procfs') return tile('Complete?', 'sampled', 'between samples unknown', 'warn');
  return tile('Complete', 'no', losses(completeness).map(([name, value]) => `${countText(value)} ${name.replace('_', ' ')}`).join(', ') || 'see below', 'bad');
}

function showTiles({run, completeness}, processes) {
  const failed = run.num_failed;
  const cores = known(run.average_pcpu) ? `${percentText(run.average_pcpu)} on average` : '';
  byId('tiles').append(
      tile('Wall time', secondsText(run.wall_clock_time)),
      known(run.cpu_time) ? tile('CPU time', secondsText(run.cpu_time), cores) : tile('CPU, average', percentText(run.average_pcpu), known(run.peak_pcpu) ? `highest ${percentText(run.peak_pcpu)}` : ''),
      tile('Peak memory', bytesText(run.peak_rss), [known(run.peak_pss) ? `${bytesText(run.peak_pss)} physical` : null,
        known(run.peak_rss_offset) ? `at ${secondsText(run.peak_rss_offset)}` : null].filter(known).join(', ')),
      tile('Processes', countText(run.num_processes ?? processes.count), known(run.max_processes) ? `${countText(run.max_processes)} at once` : 'seen by samples'),
      tile('Failed', countText(failed), known(failed) ? 'by exit code or signal' : 'not recorded', failed > 0 ? 'bad' : ''),
      completenessTile(run, completeness));
}

function showNotices({run, notes, completeness}) {
  const add = (text, tone = '') => byId('notices').append(element('p', {class: `notice ${tone}`}, text));
  if (run.exit_code === 0 && run.num_failed > 0) {
    add(`The command returned 0, but ${countText(run.num_failed)} of its processes failed.`, 'bad');
  }
  for (const [name, value] of completeness ? losses(completeness) : []) add(`${countText(value)} ${name.replace('_', ' ')}: this report does not show all there was.`, 'bad');
  for (const note of notes) add(shown(note));
}

const kCompletenessNames = {forks: 'Forks', execs: 'Execs', exits: 'Exits', alive_at_end: 'Alive at the end', lost_forks: 'Lost forks', lost_execs: 'Lost execs',
  lost_exits: 'Lost exits', lost_argv: 'Lost arguments', spilled: 'Late, not lost'};

function showCompleteness({run, completeness}) {
  const box = byId('completeness');
  const say = (text) => box.append(element('p', {}, text));
  if (!completeness) {
    say('These records come from con-duct, which looks at the processes now and then. What came and went between two samples is not in them, nor are children that left the session; CPU shares are averages over the life of a process.');
    return;
  }
  if (completeness.exact) say('Every process is here: each fork and exit was counted in the kernel, nothing was lost, and the sums agree.');
  else if (run.sampler === 'procfs') say('Sampled from /proc: what came and went between two samples is not here, and of ended processes the numbers are those last seen.');
  else say('Not everything is here: something was lost, or the sums do not agree.');
  const lines = Object.entries(kCompletenessNames).map(([key, name]) => [name, known(completeness[key]) ? countText(completeness[key]) : null]);
  const memory = {fast: 'by events, in batches of pages', exact: 'by events, at each change', sampled: 'from samples alone'}[run.memory_method];
  box.append(element('div', {class: 'columns'}, factList(lines), factList([
    ['Memory was followed', memory],
    ['Peak memory may be off by', known(run.memory_error_bound) ? bytesText(run.memory_error_bound) : null],
    ['Samples', known(run.num_samples) ? countText(run.num_samples) : null],
    ['The recorder itself used', known(run.overhead_cpu) ? `${secondsText(run.overhead_cpu)} of CPU` : null],
    ['Start of the recording took', known(run.startup_time) ? secondsText(run.startup_time) : null],
  ])));
}

function showRun({run}) {
  byId('run').append(element('div', {class: 'columns'},
      factList([
        ['Began', known(run.start_time) ? dateText(run.start_time) : null],
        ['Ended', known(run.end_time) ? dateText(run.end_time) : null],
        ['Directory', run.working_directory ? shown(run.working_directory) : null],
        ['Records', run.logs_prefix ? shown(run.logs_prefix) : null],
        ['Host', run.hostname ? shown(run.hostname) : null],
        ['CPUs', known(run.cpu_total) ? countText(run.cpu_total) : null],
        ['Memory of the host', known(run.memory_total) ? bytesText(run.memory_total) : null],
        ['Kernel', run.kernel_release ? shown(run.kernel_release) : null],
        ['Recorded by', run.recorder ? shown(run.recorder) : null],
      ]),
      factList([
        ['CPU time, user', known(run.user_time) ? secondsText(run.user_time) : null],
        ['CPU time, system', known(run.system_time) ? secondsText(run.system_time) : null],
        ['CPU, highest rate', known(run.peak_pcpu) ? percentText(run.peak_pcpu) : null],
        ['Average memory (RSS)', known(run.average_rss) ? bytesText(run.average_rss) : null],
        ['Peak physical memory (PSS)', known(run.peak_pss) ? bytesText(run.peak_pss) : null],
        ['Peak of the cgroup', known(run.cgroup_memory_peak) ? bytesText(run.cgroup_memory_peak) : null],
        ['Peak address space (VSZ)', known(run.peak_vsz) ? bytesText(run.peak_vsz) : null],
        ['Execs', known(run.num_execs) ? countText(run.num_execs) : null],
        ...run.env.map(([name, value]) => [shown(name), shown(value)]),
      ])));
}

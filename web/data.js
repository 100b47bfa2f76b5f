// SPDX-License-Identifier: MIT
// The records as the page has them: one array a column, argv as numbers of words. Times are seconds since the run began.

class Processes {
  constructor(data) {
    this.columns = data.columns;
    this.count = data.columns.pid.length;
    this.words = data.words;
    this.argvs = data.argvs;
    this.programs = this.listPrograms();
    this.searchTexts = new Array(this.count);
  }

  get(name, index) {
    const column = this.columns[name];
    return column ? column[index] : null;
  }
  argv(index) { return this.argvs[this.columns.argv[index]].map((word) => this.words[word]); }
  command(index) { return this.argv(index).join(' '); }
  duration(index) { return this.columns.end[index] - this.columns.start[index]; }
  alive(index) { return this.get('alive', index) === 1; }
  failed(index) { return this.get('exit_code', index) > 0 || known(this.get('exit_signal', index)); }
  share(index) {
    const cpu = this.get('cpu_time', index);
    const duration = this.duration(index);
    return known(cpu) && duration > 0 ? cpu / duration * 100 : null;
  }
  ending(index) {
    const word = this.get('ending', index);
    return known(word) ? this.words[word] : kAbsent;
  }

  // Programs by name, the one with the most processes first; `of[i]` is the number of that of process i.
  listPrograms() {
    const numbers = new Map();
    const counts = [];
    const of = this.columns.program.map((word) => {
      if (!numbers.has(word)) {
        numbers.set(word, numbers.size);
        counts.push(0);
      }
      ++counts[numbers.get(word)];
      return numbers.get(word);
    });
    return {names: [...numbers.keys()].map((word) => this.words[word] || '(no name)'), of, counts};
  }
  program(index) { return this.programs.names[this.programs.of[index]]; }

  // What is searched of a process, in small letters. Made when it is first asked for.
  searchText(index) {
    return this.searchTexts[index] ??= `${this.columns.pid[index]} ${this.command(index)}`.toLowerCase();
  }

  // A function that says whether process i is what `query` asks for: words that all must be there, a pid, /regex/, or
  // "failed". Null for an empty query; a broken /regex/ throws.
  matcher(query) {
    const text = query.trim().toLowerCase();
    if (!text) return null;
    if (text === 'failed') return (index) => this.failed(index);
    const regex = /^\/(.+)\/$/s.exec(query.trim());
    if (regex) {
      const expression = new RegExp(regex[1], 'i');
      return (index) => expression.test(this.command(index));
    }
    const words = text.split(/\s+/);
    return (index) => words.every((word) => this.searchText(index).includes(word));
  }
}

// The stretch of time that all charts show. Listeners are called after it has changed.
class View {
  constructor(end) {
    this.end = end;
    this.from = 0;
    this.to = end;
    this.listeners = [];
  }
  get whole() { return this.from === 0 && this.to === this.end; }
  listen(listener) { this.listeners.push(listener); }
  set(from, to) {
    const least = Math.min(this.end, Math.max(this.end / 1e6, 1e-5));
    const span = Math.min(Math.max(to - from, least), this.end);
    const start = Math.min(Math.max(from, 0), this.end - span);
    if (start === this.from && start + span === this.to) return;
    this.from = start;
    this.to = span === this.end ? this.end : start + span;
    for (const listener of this.listeners) listener();
  }
  zoom(factor, at = (this.from + this.to) / 2) { this.set(at - (at - this.from) * factor, at + (this.to - at) * factor); }
  move(part) {
    const by = (this.to - this.from) * part;
    this.set(this.from + by, this.to + by);
  }
  reset() { this.set(0, this.end); }
}

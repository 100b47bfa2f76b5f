// SPDX-License-Identifier: MIT
// A table that sorts by its columns and holds only the rows in sight, so that it may be of any length.

const kTableRow = 28;      // a row's height with its border
const kSpareRows = 8;      // above and below what is in sight

class SortedTable {
  // `columns`: {key, title, text(row), value(row), width, left, code}; `rows`: numbers; `options`: {sort, descending, choose}.
  constructor(parent, columns, rows, options = {}) {
    this.columns = columns;
    this.rows = rows.slice();
    this.options = options;
    this.chosen = null;
    this.body = element('tbody');
    this.heads = columns.map((column) => element('th', {scope: 'col', 'data-key': column.key, class: column.left ? 'text' : ''},
        element('button', {type: 'button', title: column.help, onclick: () => this.sortBy(column.key)}, column.title)));
    const widths = columns.map((column) => {
      const col = element('col');
      if (column.width) col.style.width = `${column.width}px`;
      return col;
    });
    const least = columns.reduce((sum, column) => sum + (column.width ?? 280), 0);
    const table = element('table', {'aria-rowcount': String(rows.length + 1)}, element('colgroup', {}, ...widths),
        element('thead', {}, element('tr', {}, ...this.heads)), this.body);
    table.style.minWidth = `${Math.min(least, 960)}px`;
    this.table = table;
    this.box = element('div', {class: 'table', tabindex: '0'}, table);
    parent.append(this.box);
    this.box.addEventListener('scroll', () => this.draw());
    this.key = options.sort ?? columns[0].key;
    this.descending = options.descending ?? true;
    this.arrange();
  }

  sortBy(key) {
    this.descending = key === this.key ? !this.descending : !this.columns.find((column) => column.key === key).left;
    this.key = key;
    this.arrange();
  }

  show(rows) {
    this.rows = rows.slice();
    this.table.setAttribute('aria-rowcount', String(rows.length + 1));
    this.arrange();
  }

  // Rows without a value are last, whichever way is up.
  arrange() {
    const column = this.columns.find((candidate) => candidate.key === this.key);
    const values = new Map(this.rows.map((row) => [row, column.value(row)]));
    const sign = this.descending ? -1 : 1;
    this.rows.sort((a, b) => {
      const [left, right] = [values.get(a), values.get(b)];
      if (!known(left) || !known(right)) return known(right) - known(left) || a - b;
      return (left < right ? -sign : left > right ? sign : 0) || a - b;
    });
    this.columns.forEach((candidate, i) => {
      const mine = candidate.key === this.key;
      if (mine) this.heads[i].setAttribute('aria-sort', this.descending ? 'descending' : 'ascending');
      else this.heads[i].removeAttribute('aria-sort');
      this.heads[i].firstChild.textContent = candidate.title + (mine ? (this.descending ? ' ▾' : ' ▴') : '');
    });
    this.box.scrollTop = 0;
    this.draw(true);
  }

  draw(force = false) {
    const sight = Math.ceil(this.box.clientHeight / kTableRow) || 20;
    const first = Math.max(0, Math.floor(this.box.scrollTop / kTableRow) - kSpareRows);
    const last = Math.min(this.rows.length, first + sight + 2 * kSpareRows);
    if (!force && first === this.first && last === this.last) return;
    [this.first, this.last] = [first, last];
    const lines = this.rows.slice(first, last).map((row, i) => this.line(row, first + i));
    this.body.replaceChildren(this.space(first), ...lines, this.space(this.rows.length - last));
  }

  space(rows) {
    const cell = element('td', {colspan: String(this.columns.length)});
    cell.style.height = `${rows * kTableRow}px`;
    return element('tr', {class: 'spacer', 'aria-hidden': 'true'}, cell);
  }

  line(row, place) {
    const cells = this.columns.map((column) => {
      const text = column.text(row);
      const cell = element('td', {class: `${column.left ? 'text' : ''} ${column.code ? 'code' : ''} ${column.tone?.(row) ?? ''}`}, text);
      if (column.left && typeof text === 'string') cell.title = text.slice(0, 2000);
      return cell;
    });
    const line = element('tr', {class: this.options.choose ? 'pick' : '', 'aria-rowindex': String(place + 2)}, ...cells);
    if (row === this.chosen) line.classList.add('chosen');
    if (this.options.choose) {
      line.tabIndex = -1;
      line.addEventListener('click', () => this.options.choose(row));
    }
    return line;
  }

  choose(row) {
    this.chosen = row;
    this.draw(true);
  }
}

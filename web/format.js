// SPDX-License-Identifier: MIT
// Numbers and foreign text as a person reads them. What was not measured is "–", never 0.

const kAbsent = '–';
const known = (value) => value !== null && value !== undefined;

function rounded(value, digits = 3) {
  return value === 0 ? '0' : String(Number(value.toPrecision(digits)));
}

function fixedDigits(value) {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function bytesText(bytes) {
  if (!known(bytes)) return kAbsent;
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  let value = bytes;
  while (value >= 999.5 && unit + 1 < units.length) {
    value /= 1000;
    ++unit;
  }
  return unit === 0 ? `${Math.round(value)} B` : `${fixedDigits(value)} ${units[unit]}`;
}

function secondsText(seconds) {
  if (!known(seconds)) return kAbsent;
  if (seconds < 0) return `−${secondsText(-seconds)}`;
  if (seconds === 0) return '0 s';
  if (seconds < 0.0009995) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 0.9995) return `${fixedDigits(seconds * 1e3)} ms`;
  if (seconds < 60) return `${seconds.toFixed(2)} s`;
  const whole = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  return hours ? `${hours} h ${minutes} min` : rest ? `${minutes} min ${rest} s` : `${minutes} min`;
}

// A place on the axis of time, as fine as the step between two of them.
function offsetText(seconds, step) {
  if (step < 1e-3) return `${rounded(seconds * 1e3, 6)} ms`;
  if (seconds < 60 || step < 1) return `${seconds.toFixed(step < 0.01 ? 3 : step < 0.1 ? 2 : step < 1 ? 1 : 0)} s`;
  const whole = Math.round(seconds);
  const pad = (n) => String(n).padStart(2, '0');
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor((whole % 3600) / 60), whole % 60];
  if (step >= 60) return hours ? `${hours}:${pad(minutes)} h` : `${minutes} min`;
  return hours ? `${hours}:${pad(minutes)}:${pad(rest)} h` : `${minutes}:${pad(rest)} min`;
}

// Distances of two places on an axis: 1, 2, 5 and their tens; of time, what divides a minute, an hour, a day.
const kSteps = Array.from({length: 16}, (_, power) => [1, 2, 5].map((n) => n * 10 ** power)).flat();
const kTimeSteps = [...Array.from({length: 8}, (_, power) => [1, 2, 5].map((n) => n * 10 ** (power - 7))).flat(), 10, 15, 30,
  ...[1, 2, 5, 10, 15, 30].map((n) => n * 60), ...[1, 2, 3, 6, 12].map((n) => n * 3600), ...kSteps.map((n) => n * 86400)];

function percentText(percent) {
  return known(percent) ? `${percent === 0 ? '0' : fixedDigits(percent)} %` : kAbsent;
}

function countText(count) {
  return known(count) ? Math.round(count).toLocaleString('en-US') : kAbsent;
}

function dateText(epoch) {
  return new Date(epoch * 1000).toLocaleString(undefined, {dateStyle: 'medium', timeStyle: 'medium'});
}

// Text out of a record, on one line and as duct-log prints it: control characters, and what would turn the direction of
// writing or hide itself, as their numbers, so that a line looks like what is in it.
function shown(text) {
  const short = {'\n': '\\n', '\r': '\\r', '\t': '\\t'};
  return String(text).replace(/[\0-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu, (c) => {
    const number = c.codePointAt(0).toString(16);
    return short[c] ?? (number.length < 3 ? `\\x${number.padStart(2, '0')}` : `\\u{${number}}`);
  });
}

// One word of argv as a shell would take it.
function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${shown(word).replaceAll("'", "'\\''")}'`;
}

// An element with attributes and children; strings become text, never markup.
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === 'class') node.className = value;
    else if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key.startsWith('--')) node.style.setProperty(key, value);
    else if (known(value)) node.setAttribute(key, value);
  }
  node.append(...children.filter(known));
  return node;
}

// A list of names and values; pairs without a value are left out.
function factList(pairs) {
  const list = element('dl', {class: 'facts'});
  for (const [name, value] of pairs) {
    if (known(value) && value !== kAbsent) list.append(element('dt', {}, name), element('dd', {}, value));
  }
  return list;
}

const byId = (id) => document.getElementById(id);
const styleOf = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// The tests' half, which lives on: runs one set of tests after the other, each against a program of its own.
'use strict';
const realAssert = require('node:assert');
const util = require('node:util');
const vm = require('node:vm');
const { receive, send, plain, built, error, Ended } = require('./values.js');

const Gone = class Gone extends Error {};
let run;

const short = (value) => {
  const text = util.inspect(value, { depth: 4, maxArrayLength: 30, maxStringLength: 200, breakLength: Infinity });
  return text.length > 400 ? text.slice(0, 400) : text;
};

function miss(test, expected, actual) {
  if (run.missed++ === 0) {
    run.failure = { test: test.slice(0, 600), call: run.call, expected, actual: actual ?? run.answer };
  }
  if (!run.all) throw new Stop();
}
const Stop = class Stop extends Error {};

function check(held, test, expected = '', actual = undefined) {
  if (held) run.passed++;
  else miss(test, expected, actual);
}

function standIn(name) {
  return (...given) => {
    if (run.gone) throw new Gone();
    run.calls++;
    run.call = `${name}(${given.map(short).join(', ')})`.slice(0, 600);
    run.answer = '';
    let sent;
    try {
      sent = given.map((each) => plain(each));
    } catch (fault) {
      run.infra = fault.message;
      throw new Stop();
    }
    send('C', JSON.stringify({ name, given: sent }));
    const [tag, text] = receive();
    if (tag === 'G') {
      run.gone = true;
      throw new Gone();
    }
    let value;
    let told;
    try {
      told = JSON.parse(text.slice(0));
      if (told.error) value = error(told.error);
      else value = built(told.value);
      if (told.left) told.left.forEach((left, place) => becomes(given[place], built(left)));
    } catch {
      run.forbidden = true;
      throw new Stop();
    }
    if (told.error) {
      run.thrown = value;
      throw value;
    }
    run.answer = short(value);
    return value;
  };
}

// Give an argument of the tests' the contents that the program left in its own.
function becomes(mine, theirs) {
  if (Array.isArray(mine) && Array.isArray(theirs)) mine.splice(0, mine.length, ...theirs);
  else if (mine instanceof Map && theirs instanceof Map) fill(mine, theirs, (item) => mine.set(...item));
  else if (mine instanceof Set && theirs instanceof Set) fill(mine, theirs, (item) => mine.add(item));
  else if (mine !== null && typeof mine === 'object' && theirs !== null && typeof theirs === 'object') {
    for (const key of Object.keys(mine)) delete mine[key];
    Object.defineProperties(mine, Object.getOwnPropertyDescriptors(theirs));
  }
}
function fill(mine, theirs, add) {
  mine.clear();
  for (const item of theirs) add(item);
}

function counted(name, original) {
  return (...given) => {
    let fault;
    try {
      const result = original(...given);
      if (result && typeof result.then === 'function') return result.then(() => check(true, name));
    } catch (caught) {
      fault = caught;
    }
    if (fault instanceof Gone || fault instanceof Stop) throw fault;
    if (fault && !(fault instanceof realAssert.AssertionError)) throw fault;
    const both = ['equal', 'strictEqual', 'deepEqual', 'deepStrictEqual'].includes(name);
    const said = both ? `assert.${name}(${given.slice(0, 2).map(short).join(', ')})` : `assert.${name}`;
    check(!fault, said, both ? short(given[1]) : '', both ? short(given[0]) : undefined);
  };
}

function asserts(of) {
  const ours = counted('ok', of);
  for (const name of Object.keys(of)) {
    if (name === 'strict') continue;
    const known = typeof of[name] === 'function' && !/^[A-Z]/.test(name);
    ours[name] = known ? counted(name, of[name]) : of[name];
  }
  return ours;
}
const assert = asserts(realAssert);
assert.strict = asserts(realAssert.strict);
const console_ = Object.create(console, {
  assert: { value: (held, ...more) => check(Boolean(held), held ? '' : `${written()} ${more.map(String).join(' ')}`.trim()) },
});

// The text of the call of the tests' that is being made, as far as its brackets go.
function written() {
  const place = /tests\.js:(\d+):(\d+)/.exec(new Error().stack);
  if (!place) return 'console.assert';
  const rest = run.text.split('\n').slice(place[1] - 1).join('\n').slice(Math.max(0, place[2] - 9));
  let depth = 0;
  for (let at = 0; at < Math.min(rest.length, 500); at++) {
    if (rest[at] === '(') depth++;
    else if (rest[at] === ')' && --depth === 0) return rest.slice(0, at + 1).replace(/\s+/g, ' ');
  }
  return 'console.assert';
}
const require_ = (name) => (/^(node:)?assert$/.test(name) ? assert : name === 'assert/strict' ? assert.strict : require(name));
async function tried(tests) {
  run.text = `return (async () => {\n${tests.prelude}\n${tests.code}\n})()`;
  let code;
  try {
    code = vm.compileFunction(run.text, ['require', 'console', 'assert', ...tests.names], { filename: 'tests.js' });
  } catch (fault) {
    return { status: 'infra', reason: `the tests do not parse: ${fault.message}` };
  }
  try {
    await code(require_, console_, assert, ...tests.names.map(standIn));
  } catch (fault) {
    if (run.gone || fault instanceof Gone) return { status: 'gone' };
    if (run.infra) return { status: 'infra', reason: run.infra };
    if (run.forbidden) return { status: 'forbidden', reason: 'its answer is not one that our own half of it would send' };
    if (!(fault instanceof Stop)) {
      const own = fault === run.thrown;
      const text = fault instanceof Error ? `${fault.name}: ${fault.message}` : String(fault);
      run.failure ??= { test: text.slice(0, 600), call: run.call, actual: run.answer };
      return { status: own ? 'raised' : 'wrong', reason: own ? text.slice(0, 500) : 'a test failed', failure: run.failure };
    }
    return { status: 'wrong', reason: 'a test failed', failure: run.failure };
  }
  if (run.missed) return { status: 'wrong', reason: 'a test failed', failure: run.failure, total: run.passed + run.missed };
  return { status: 'passed', stage: 'done', total: run.passed };
}

(async () => {
  for (;;) {
    const [tag, text] = receive();
    if (tag !== 'T') continue; // a program that was gone after its tests were over
    const tests = JSON.parse(text);
    run = { passed: 0, missed: 0, calls: 0, call: '', answer: '', all: tests.all };
    const report = await tried(tests);
    send('R', JSON.stringify({ passed: run.passed, ...report }));
  }
})().catch((fault) => {
  if (!(fault instanceof Ended)) process.stderr.write(`${fault.stack}\n`);
  process.exit(fault instanceof Ended ? 0 : 1);
});

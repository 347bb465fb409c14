// The program's half: loads it, and answers calls of its functions. `node candidate.js FILE [NAME ...]`; without names
// it is a whole program, which is run. `node candidate.js --check FILE` only parses it.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');
const { createRequire } = require('node:module');

const checks = process.argv[2] === '--check'; // it is only parsed
const [file, ...names] = process.argv.slice(checks ? 3 : 2);
const full = path.resolve(file);
const source = fs.readFileSync(full, 'utf8').replace(/^#![^\n]*/, '');
const module_ = { exports: {}, id: '.', filename: full, loaded: false, children: [], paths: [] };
const require_ = createRequire(full);
require_.main = module_; // `require.main === module` holds of a whole program
const scope = ['exports', 'require', 'module', '__filename', '__dirname'];
const values = [module_.exports, require_, module_, full, path.dirname(full)];
process.argv.splice(1, process.argv.length, full);

// A program that was translated: its own lines are told, not those of what is run.
let lines = [];
const placed = (text) =>
  text.replace(/solution\.js:(\d+)(:\d+)?/g, (all, line) => (lines[line - 1] ? `solution.ts:${lines[line - 1]}` : all));
if (fs.existsSync(path.join(path.dirname(full), 'solution.lines'))) {
  lines = JSON.parse(fs.readFileSync(path.join(path.dirname(full), 'solution.lines'), 'utf8'));
  process.on('uncaughtException', (error) => {
    process.stderr.write(error instanceof Error ? placed(`Uncaught ${error.stack}\n`) : `Uncaught ${error}\n`);
    process.exit(1);
  });
}

let body = source;
if (names.length) {
  const listed = names.map((name) => `${name}: typeof ${name} === 'undefined' ? undefined : ${name}`);
  body += `\n;__sparkgap({ ${listed.join(', ')} });`;
  require_.main = undefined;
}
let loaded;
try {
  loaded = vm.compileFunction(body, [...scope, '__sparkgap'], { filename: file });
} catch (whole) {
  let fault = whole;
  try {
    vm.compileFunction(source, scope, { filename: file });
  } catch (own) {
    fault = own; // told without what stands behind the program
  }
  process.stderr.write(`sparkgap: it does not parse\n${fault.stack}\n`);
  process.exit(1);
}
if (checks) {
  process.exit(0);
} else if (!names.length) {
  loaded.call(module_.exports, ...values);
} else {
  const { receive, send, plain, built, Ended } = require('./values.js');
  const { exit, stderr } = process;
  const { parse, stringify } = JSON;
  const serve = async (functions) => {
    send('L', '');
    for (;;) {
      let call;
      try {
        call = parse(receive()[1]);
      } catch (error) {
        if (error instanceof Ended) exit(0);
        throw error;
      }
      let answer;
      try {
        const given = call.given.map(built);
        const target = functions[call.name] ?? module_.exports[call.name];
        if (typeof target !== 'function') throw new ReferenceError(`${call.name} is not defined`);
        let result = target(...given);
        const awaited = result !== null && typeof result === 'object' && typeof result.then === 'function';
        if (awaited) result = { $: 'p', v: plain(await result) };
        else result = plain(result);
        const left = stringify(given.map((each) => plain(each)));
        answer = { value: result };
        if (left !== stringify(call.given)) answer.left = parse(left);
      } catch (error) {
        if (error instanceof Error) stderr.write(placed(`Uncaught ${error.stack}\n`));
        const told = error instanceof Error ? [String(error.name), String(error.message)] : ['Error', String(error)];
        answer = { error: told };
      }
      send('V', stringify(answer));
    }
  };
  loaded.call(module_.exports, ...values, (functions) => serve(functions));
}

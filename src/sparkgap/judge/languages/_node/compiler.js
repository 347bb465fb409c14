// The TypeScript compiler, kept warm: checks and translates one program after the other. `node compiler.js FOLDER`, the
// folder being the one that holds typescript.js. Nothing of a program is run here.
'use strict';
const path = require('node:path');
const { receive, send, Ended } = require('./values.js');

const folder = process.argv[2];
const ts = require(path.join(folder, 'typescript.js'));
const AMBIENT = `
declare var console: any, process: any, require: any, module: any, exports: any, global: any, Buffer: any;
declare var __filename: string, __dirname: string;
declare function setTimeout(f: (...given: any[]) => void, ms?: number, ...given: any[]): any;
declare function setInterval(f: (...given: any[]) => void, ms?: number, ...given: any[]): any;
declare function setImmediate(f: (...given: any[]) => void, ...given: any[]): any;
declare function clearTimeout(timer: any): void;
declare function clearInterval(timer: any): void;
declare function queueMicrotask(f: () => void): void;
declare function structuredClone<T>(value: T): T;
${['fs', 'path', 'util', 'os', 'readline', 'assert', 'crypto', 'events', 'perf_hooks']
    .map((name) => `declare module "${name}"; declare module "node:${name}";`).join('\n')}
`;
const OPTIONS = {
  target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS, lib: ['lib.es2022.d.ts'], types: [],
  sourceMap: true, ignoreDeprecations: '5.0', noEmitOnError: false, removeComments: true,
};
const kept = new Map(); // what every program shares, parsed once

function host(texts, written) {
  const source = (name) => {
    if (texts[name] !== undefined) return ts.createSourceFile(name, texts[name], OPTIONS.target);
    if (!kept.has(name)) {
      const text = name === 'ambient.d.ts' ? AMBIENT : ts.sys.readFile(path.join(folder, path.basename(name)));
      kept.set(name, text === undefined ? undefined : ts.createSourceFile(name, text, OPTIONS.target));
    }
    return kept.get(name);
  };
  return {
    getSourceFile: source,
    getDefaultLibFileName: () => 'lib.es2022.d.ts',
    getDefaultLibLocation: () => '',
    writeFile: (name, text) => { written[name] = text; },
    getCurrentDirectory: () => '',
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    fileExists: (name) => texts[name] !== undefined || name === 'ambient.d.ts',
    readFile: (name) => texts[name],
    resolveModuleNames: (names) => names.map(() => undefined), // a program is one file
  };
}

function told(diagnostic) {
  const category = ['warning', 'error', 'note', 'note'][diagnostic.category];
  const said = { code: `TS${diagnostic.code}`, severity: category, message: ts.flattenDiagnosticMessageText(diagnostic.messageText, ' ') };
  if (diagnostic.file && diagnostic.file.fileName === 'solution.ts') {
    const { line, character } = ts.getLineAndCharacterOfPosition(diagnostic.file, diagnostic.start);
    const before = diagnostic.file.text.slice(diagnostic.start - character, diagnostic.start);
    Object.assign(said, { line: line + 1, column: [...before].length + 1 });
  }
  return said;
}

let last; // the program before, whose library files need no new binding
function compiled(text) {
  const written = {};
  const program = ts.createProgram(['ambient.d.ts', 'solution.ts'], OPTIONS, host({ 'solution.ts': text }, written), last);
  last = program;
  const grammar = program.getSyntacticDiagnostics();
  const found = grammar.length ? grammar : [...program.getOptionsDiagnostics(), ...program.getSemanticDiagnostics()];
  const ok = !found.some((each) => each.category === ts.DiagnosticCategory.Error);
  if (ok) program.emit();
  const files = ok ? { 'solution.js': written['solution.js'], 'solution.lines': lines(written['solution.js.map']) } : {};
  return { ok, said: JSON.stringify(found.slice(0, 50).map(told)), files };
}

// Of each line of what was written, the line that it came from, as a JSON list.
function lines(map) {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  let from = 0;
  const found = JSON.parse(map).mappings.split(';').map((line) => {
    let first = null;
    for (const segment of line.split(',')) {
      const numbers = [];
      let value = 0;
      let shift = 0;
      for (const char of segment) {
        const digit = digits.indexOf(char);
        value += (digit & 31) << shift;
        if (digit & 32) shift += 5;
        else {
          numbers.push(value & 1 ? -(value >> 1) : value >> 1);
          value = shift = 0;
        }
      }
      if (numbers.length > 2) {
        from += numbers[2];
        first ??= from + 1;
      }
    }
    return first;
  });
  return JSON.stringify(found);
}

function translated(exam) {
  const options = { compilerOptions: { ...OPTIONS, sourceMap: false }, reportDiagnostics: true };
  const whole = ts.transpileModule(`${exam.prelude}\n${exam.code}`, options);
  if (whole.diagnostics.length) return { ok: false, said: JSON.stringify(whole.diagnostics.map(told)), files: {} };
  const code = whole.outputText.replace(/^Object\.defineProperty\(exports, "__esModule".*$/m, '');
  return { ok: true, said: '[]', files: { exam: JSON.stringify({ ...exam, prelude: '', code }) } };
}

compiled('const first: number[] = [1].map((x) => x + 1);'); // so that the first program finds all of it warm
for (;;) {
  let asked;
  try {
    asked = JSON.parse(receive()[1]);
  } catch (fault) {
    if (!(fault instanceof Ended)) throw fault;
    process.exit(0);
  }
  const answer = asked.exam ? translated(asked.exam) : compiled(asked.program);
  for (const name of Object.keys(answer.files)) answer.files[name] = Buffer.from(answer.files[name]).toString('base64');
  send('B', JSON.stringify(answer));
}

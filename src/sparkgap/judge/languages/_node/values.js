// Values across, for JavaScript: frames over descriptors 3 and 4, and values as JSON with tags.
//
// null, booleans, strings, finite numbers and arrays are themselves; everything else is {"$": tag, "v": ...}. What is
// read is built anew from plain data, so no getter, prototype or `toJSON` of one side ever meets the other.
'use strict';
const fs = require('node:fs');

const { readSync, writeSync } = fs; // the program may replace what the module holds
const Ended = class Ended extends Error {};

function exactly(size) {
  const buffer = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; ) {
    let got = 0;
    try {
      got = readSync(3, buffer, at, size - at, null);
    } catch (error) {
      if (error.code === 'EAGAIN') continue;
      throw error;
    }
    if (got === 0) throw new Ended();
    at += got;
  }
  return buffer;
}

function receive() {
  const body = exactly(exactly(4).readUInt32LE(0));
  return [String.fromCharCode(body[0]), body.toString('utf8', 1)];
}

function send(tag, text) {
  const body = Buffer.from(tag + text, 'utf8');
  const frame = Buffer.allocUnsafe(4 + body.length);
  frame.writeUInt32LE(body.length, 0);
  body.copy(frame, 4);
  for (let at = 0; at < frame.length; ) {
    try {
      at += writeSync(4, frame, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

const MOST_DEPTH = 2000;
const VIEWS = { Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array,
  Float32Array, Float64Array, BigInt64Array, BigUint64Array };

class Uncrossable extends TypeError {}

function plain(value, depth = 0) {
  if (depth > MOST_DEPTH) throw new Uncrossable('a value that holds itself, or is nested too deep');
  switch (typeof value) {
    case 'string': case 'boolean': return value;
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $: 'n', v: Object.is(value, -0) ? '-0' : String(value) };
    case 'undefined': return { $: 'u' };
    case 'bigint': return { $: 'b', v: String(value) };
    case 'object': return value === null ? null : held(value, depth + 1);
    default: throw new Uncrossable(`a ${typeof value} cannot cross between the program and its tests`);
  }
}

function held(value, depth) {
  if (Array.isArray(value)) return Array.from(value, (item) => plain(item, depth));
  if (value instanceof Map) return { $: 'm', v: [...value].map(([k, v]) => [plain(k, depth), plain(v, depth)]) };
  if (value instanceof Set) return { $: 's', v: [...value].map((item) => plain(item, depth)) };
  if (value instanceof Date) return { $: 'd', v: plain(value.getTime()) };
  if (value instanceof RegExp) return { $: 'r', v: [value.source, value.flags] };
  if (value instanceof Error) return { $: 'e', v: [String(value.name), String(value.message)] };
  for (const boxed of [Number, String, Boolean]) if (value instanceof boxed) return { $: 'x', v: plain(value.valueOf()) };
  for (const name in VIEWS) {
    if (value instanceof VIEWS[name]) return { $: 'a', v: [name, Array.from(value, (item) => plain(item))] };
  }
  return { $: 'o', v: Object.keys(value).map((key) => [key, plain(value[key], depth)]) };
}

const ERRORS = { Error, TypeError, RangeError, SyntaxError, ReferenceError, EvalError, URIError };

function built(data) {
  if (data === null || typeof data !== 'object') return data;
  if (Array.isArray(data)) return data.map(built);
  const v = data.v;
  switch (data.$) {
    case 'u': return undefined;
    case 'n': return Number(v);
    case 'b': return BigInt(v);
    case 'm': return new Map(v.map(([key, item]) => [built(key), built(item)]));
    case 's': return new Set(v.map(built));
    case 'd': return new Date(built(v));
    case 'r': return new RegExp(v[0], v[1]);
    case 'e': return error(v);
    case 'x': return Object(built(v));
    case 'a': return VIEWS[v[0]].from(v[1], built);
    case 'p': return Promise.resolve(built(v));
    case 'o': {
      const object = {};
      for (const [key, item] of v) {
        Object.defineProperty(object, key, { value: built(item), writable: true, enumerable: true, configurable: true });
      }
      return object;
    }
    default: throw new TypeError('no such tag');
  }
}

function error([name, message]) {
  const kind = Object.hasOwn(ERRORS, name) ? ERRORS[name] : Error;
  const made = new kind(String(message));
  if (made.name !== name) Object.defineProperty(made, 'name', { value: String(name), configurable: true, writable: true });
  return made;
}

module.exports = { receive, send, plain, built, error, Ended, Uncrossable };

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { loadScript, withConstants, withIncludes } from './run-script.ts';

const folder = new URL('./lua/', import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.lua'))
  .map((file) => file.slice(0, -'.lua'.length));
const sourceOf = (name: string): string => readFileSync(new URL(`${name}.lua`, folder), 'utf8');

/** The Lua code of a script with its includes and without comments; `-- WRITES` is kept. */
const codeOf = (name: string): string => withIncludes(name).replace(/--(?! WRITES).*$/gm, '');
/** The comment that a script begins with. */
function headerOf(name: string): string {
  const lines = sourceOf(name).split('\n').slice(1);
  const end = lines.findIndex((line) => !line.startsWith('--') || line.startsWith('--@include'));
  return lines.slice(0, end).join('\n');
}

/**
 * The values that a computed index may have: a list, or all numbers from a given one on (`from`). The test fails for an
 * index that is missing here. Add such an index here and to the script's header: both document what the script may
 * touch.
 */
const COMPUTED: Record<string, number[] | { from: number }> = {
  'apply KEYS[FIRST_BUCKET + place - 1]': { from: 7 },
  'apply KEYS[5 + ledger.gen]': [5, 6],
  'apply KEYS[#KEYS]': { from: 7 },
  'apply ARGV[5 + chunk]': { from: 6 },
  'apply ARGV[account_base + source]': { from: 6 },
  'apply ARGV[account_base + target]': { from: 6 },
  'apply ARGV[account_base + index]': { from: 6 },
  'apply unpack(ARGV, account_base + 1)': { from: 6 },
  'find KEYS[FIRST_BUCKET + place - 1]': { from: 6 },
  'find ARGV[i]': { from: 4 },
  'forget KEYS[i]': { from: 6 },
  'forget KEYS[4 + older]': [4, 5],
  'forget ARGV[i]': { from: 6 },
  'install ARGV[5 + 2 * i]': { from: 7 },
  'install ARGV[6 + 2 * i]': { from: 7 },
  'install-holds ARGV[i]': { from: 5 },
  'install-holds ARGV[4 + 2 * i]': { from: 5 },
  'lower-horizon KEYS[3 + place]': { from: 4 },
  'lower-horizon ARGV[i]': { from: 6 },
  'lower-horizon ARGV[i + 1]': { from: 6 },
  'read unpack(ARGV, 4)': { from: 4 },
  'read-holds unpack(ARGV, 4)': { from: 4 },
  'sweep KEYS[i]': { from: 4 },
};
/** ARGV[1..3] have the same meaning in every script, whether or not it needs all three. */
const PROLOGUE_ARGUMENTS = ['1', '2', '3'];

type List = 'KEYS' | 'ARGV';

function declared(name: string, list: List): Set<string> {
  const found = headerOf(name).matchAll(new RegExp(`${list}\\[(\\d+)(\\.\\.)?\\]`, 'g'));
  return new Set([...found].map(([, number, open]) => `${number}${open ?? ''}`));
}

function used(name: string, list: List): Set<string> {
  const code = codeOf(name);
  const spots = [...code.matchAll(new RegExp(`${list}\\[([^\\]]+)\\]|unpack\\(${list}, ([^)]+)\\)`, 'g'))];
  return new Set(
    spots.flatMap(([spot, index]) => {
      if (index !== undefined && /^\d+$/.test(index)) return [index];
      const meaning = COMPUTED[`${name} ${spot}`];
      if (!meaning) throw new Error(`${name}.lua: what does ${spot} mean? Add it to COMPUTED`);
      return Array.isArray(meaning) ? meaning.map(String) : [`${meaning.from}..`];
    }),
  );
}

/** Redis commands that change nothing; all others count as writes. */
const READS = new Set(['INFO', 'TIME', 'GET', 'EXISTS', 'HGET', 'HMGET', 'HLEN', 'HRANDFIELD', 'XRANGE', 'XREVRANGE']);
const commandsIn = (code: string): string[] =>
  [...code.matchAll(/redis\.p?call\(\s*'([A-Z]+)'/g)].map(([, command]) => command ?? '');

/** The flags that the protocol requires: reads change nothing; scripts that free memory run when memory is full. */
const FLAGS: Record<string, string> = {
  read: 'no-writes',
  find: 'no-writes',
  journal: 'no-writes',
  publish: 'allow-oom',
  forget: 'allow-oom',
  'lower-horizon': '',
  retire: 'allow-oom',
  fence: 'allow-oom',
  apply: '',
  'change-account': '',
  install: '',
  register: 'allow-oom',
  activate: 'allow-oom',
  calendar: 'allow-oom',
  claim: 'allow-oom',
  ownership: 'no-writes',
  'take-over': 'allow-oom',
  sweep: 'allow-oom',
  'read-holds': 'no-writes',
  'install-holds': '',
  'evict-holds': 'allow-oom',
};

it('every script is in the list of flags, and every name in the list is a script', () => {
  expect(names.sort()).toEqual(Object.keys(FLAGS).sort());
});

describe.each(names)('%s.lua', (name) => {
  it.each(['KEYS', 'ARGV'] as const)('declares in its header all the %s that it uses, and no others', (list) => {
    const listed = declared(name, list);
    const needed = used(name, list);
    if (list === 'ARGV') for (const number of PROLOGUE_ARGUMENTS) needed.add(number);
    expect([...listed].sort()).toEqual([...needed].sort());
    // The numbers are 1, 2, … without gaps, and only the last one is open-ended.
    const numbers = [...listed].map((number) => Number.parseInt(number, 10)).sort((a, b) => a - b);
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
  });

  it('includes only files that exist, and all of them are inserted', () => {
    for (const [, piece] of sourceOf(name).matchAll(/^--\s*@include\s+(\S+)/gm)) {
      expect(existsSync(new URL(`includes/${piece}.lua`, folder)), piece).toBe(true);
    }
    expect(loadScript(name).text).not.toMatch(/^--\s*@include/m);
  });

  it('has the flags that the protocol requires', () => {
    const [first] = sourceOf(name).split('\n');
    expect(first).toBe(FLAGS[name] ? `#!lua flags=${FLAGS[name]}` : '#!lua');
  });

  it('passes only declared keys to redis.call, and builds none', () => {
    const code = codeOf(name);
    for (const [call, command, key] of code.matchAll(/redis\.p?call\(\s*('[A-Z]+'|[^,)]+)(?:,\s*([^,)]+))?/g)) {
      expect(command, call).toMatch(/^'[A-Z]+'$/);
      if (command === "'INFO'" || command === "'TIME'") continue;
      expect(key, call).toMatch(/^(KEYS\[[^\]]+\]|key)$/);
    }
    // `key` is a parameter or a loop variable: its value is an element of KEYS.
    for (const [, value] of code.matchAll(/\.key = (.+)$/gm)) expect(value).toMatch(/^KEYS\[[^\]]+\]$/);
    for (const [call, argument] of code.matchAll(/(?<!function )\b(?:ask|let_go)\(([^,)]+)/g)) {
      expect(argument, call).toMatch(/^(KEYS\[[^\]]+\]|item\.key)$/);
    }
    expect(code).not.toMatch(/\bkey\s*=(?!\s*KEYS\[)/);
  });

  it('begins with the prologue, before any other command', () => {
    // These scripts move the fence or read the owner, so they verify only the server.
    const outsideEpochs = ['fence', 'activate', 'claim', 'ownership', 'take-over', 'sweep'].includes(name);
    const prologue = outsideEpochs ? /\bother_server\(\)/ : /\b(enter|enter_as_keeper|server_refusal)\(\)/;
    const own = sourceOf(name).replace(/--.*$/gm, '');
    const asked = own.search(prologue);
    expect(asked).toBeGreaterThan(0);
    expect(own.search(/redis\.call/) === -1 || asked < own.search(/redis\.call/)).toBe(true);
  });
});

describe('The constants of scripts', () => {
  it('are replaced by their values, except in strings, comments and fields', () => {
    const source = [
      "local ONE, TEXT = 1, 'ONE -- two'",
      '-- ONE stays',
      "f(ONE, TEXT, 'ONE', t.ONE, ONE_MORE) -- ONE",
      'local COMPUTED = ONE + 1',
      "  local INNER = 'x'",
      'return COMPUTED, INNER',
    ];
    expect(withConstants(source.join('\n')).split('\n')).toEqual([
      '',
      '-- ONE stays',
      "f(1, 'ONE -- two', 'ONE', t.ONE, ONE_MORE) -- ONE",
      'local COMPUTED = 1 + 1',
      '',
      "return COMPUTED, 'x'",
    ]);
  });

  it('cannot have two values', () => {
    expect(() => withConstants('local A = 1\nlocal A = 2')).toThrow('A is declared twice');
  });

  it.each(names)('are gone from %s.lua, which has as many lines as before', (name) => {
    const [source, { text }] = [withIncludes(name), loadScript(name)];
    const literals = String.raw`(?:\d+|'[^']*')(?:, (?:\d+|'[^']*'))*`;
    const declared = source.matchAll(new RegExp(`^ *local ([A-Z][A-Z0-9_, ]*) = ${literals}$`, 'gm'));
    const code = text.replace(/--.*$/gm, '').replace(/'[^']*'/g, "''");
    for (const [, list = ''] of declared)
      for (const constant of list.split(', ')) expect(code).not.toMatch(new RegExp(`\\b${constant}\\b`));
    expect(text.split('\n')).toHaveLength(source.split('\n').length);
  });
});

it.each(names.filter((name) => FLAGS[name] === 'no-writes'))('%s.lua writes nothing at all', (name) => {
  expect(commandsIn(codeOf(name)).filter((command) => !READS.has(command))).toEqual([]);
});

it.each(['apply', 'change-account'])(
  '%s.lua writes nothing before its WRITES mark, and decides nothing after it',
  (name) => {
    const [before = '', after = '', ...more] = codeOf(name).split('-- WRITES');
    expect(more).toEqual([]);
    expect(commandsIn(before).filter((command) => !READS.has(command))).toEqual([]);
    expect(commandsIn(after).filter((command) => READS.has(command))).toEqual([]);
    expect(commandsIn(after).length).toBeGreaterThan(0);
    // Nothing after the mark may refuse: an error after a write is not rolled back.
    expect(after).not.toMatch(/error_reply|\berror\(/);
  },
);

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyCharacter } from '../../domain/testing/any-text.ts';
import { membersInText, membersInValue, parseJson, repeatedMember } from './json-body.ts';

/** The structure of a JSON text: unlike a value, it can contain a member twice. */
type Node = { members: [string, Node][] } | { items: Node[] } | { leaf: string | number | boolean | null };

const names = fc.oneof(
  fc.constantFrom('a', 'b', '0', '__proto__', 'constructor', 'a:b', '"', '\\', 'ü', '~/'),
  fc.string({ unit: 'grapheme', maxLength: 3 }),
);
const { node } = fc.letrec<{ node: Node }>((tie) => ({
  node: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ leaf: fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean(), fc.constant(null)) }),
    fc.record({ items: fc.array(tie('node'), { maxLength: 4 }) }),
    fc.record({ members: fc.array(fc.tuple(names, tie('node')), { maxLength: 5 }) }),
  ),
}));

/** Serializes a node with whitespace, optionally with every character escaped. */
function written(node: Node, blank: string, escaping: boolean): string {
  const quoted = (text: string) =>
    escaping
      ? `"${Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join('')}"`
      : JSON.stringify(text);
  const write = (part: Node): string => {
    if ('leaf' in part) return typeof part.leaf === 'string' ? quoted(part.leaf) : String(part.leaf);
    if ('items' in part) return `[${blank}${part.items.map(write).join(`${blank},`)}]`;
    // Every second name is escaped: `a` and `\u0061` are the same name.
    const members = part.members.map(([name, value], i) => {
      const shown = i % 2 === 0 ? JSON.stringify(name) : quoted(name);
      return `${blank}${shown}${blank}:${blank}${write(value)}`;
    });
    return `{${members.join(',')}${blank}}`;
  };
  return write(node);
}

/** The pointers of all duplicate members, which JSON.parse drops. */
function repeats(node: Node, path = ''): string[] {
  if ('leaf' in node) return [];
  if ('items' in node) return node.items.flatMap((item, i) => repeats(item, `${path}/${i}`));
  const seen = new Set<string>();
  return node.members.flatMap(([name, value]) => {
    const here = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
    const again = seen.has(name) ? [here] : [];
    seen.add(name);
    return [...again, ...repeats(value, here)];
  });
}
const count = (node: Node): number =>
  'leaf' in node
    ? 0
    : 'items' in node
      ? node.items.reduce((sum, item) => sum + count(item), 0)
      : node.members.reduce((sum, [, value]) => sum + 1 + count(value), 0);

const bytesOf = (text: string) => Buffer.from(text);
const depthOf = (pointer: string) => pointer.split('/').length - 1;

describe('a JSON text', () => {
  it('contains a duplicate member exactly when its value has fewer members than the text, and the first duplicate is found', () => {
    fc.assert(
      fc.property(node, fc.constantFrom('', ' ', '\n\t', '\r '), fc.boolean(), (tree, blank, escaping) => {
        const text = written(tree, blank, escaping);
        const expected = repeats(tree);
        const inText = membersInText(bytesOf(text));
        expect(inText).toBe(count(tree));
        expect(inText > membersInValue(JSON.parse(text))).toBe(expected.length > 0);
        const found = repeatedMember(text);
        if (found === null) expect(expected).toEqual([]);
        else if (depthOf(found) < 8) expect(found).toBe(expected[0]);
      }),
      { numRuns: 3_000 },
    );
  });
  it('made from a value never contains a duplicate', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: anyCharacter }), (text) => {
        expect(membersInText(bytesOf(text))).toBe(membersInValue(JSON.parse(text)));
        expect(repeatedMember(text)).toBeNull();
      }),
    );
  });
  it.each([
    ['{"amount":"1.00","amount":"900.00"}', '/amount'],
    [String.raw`{"amount":"1.00","\u0061mount":"1.00"}`, '/amount'],
    ['{"a":{"b":[0,{"c":1,"c":1}]}}', '/a/b/1/c'],
    ['{"transfers":[{},{"metadata":{"k":"v","k":"v"}}]}', '/transfers/1/metadata/k'],
    ['{"__proto__":1,"__proto__":1}', '/__proto__'],
    ['{"":0,"":0}', '/'],
    ['{"a":1,"b":{"a":1},"a":{"a":1}}', '/a'],
    [String.raw`{"x":"\\","x":"\""}`, '/x'],
  ])('%s is rejected with its pointer', (text, pointer) => {
    expect(() => parseJson(bytesOf(text))).toThrow(
      expect.objectContaining({
        code: 'validation_failed',
        message: `${pointer} appears more than once.`,
        extras: { errors: [{ pointer, detail: 'appears more than once' }] },
      }),
    );
  });
  it.each([
    '{"a":"b:c","d":":"}',
    String.raw`{"a":"\"b\":1","c":"\\"}`,
    '[{"a":1},{"a":1}]',
    '{"a":{"a":{"a":1}}}',
    '{"0":0,"00":0}',
    '"a:b"',
    '7',
  ])('%s is accepted', (text) => {
    expect(parseJson(bytesOf(text))).toEqual(JSON.parse(text));
  });
  it('is checked in linear time at any nesting depth', () => {
    const deep = `${'{"a":['.repeat(100_000)}{"b":1,"b":1}${']}'.repeat(100_000)}`;
    expect(repeatedMember(deep)).toBe('/a/0/a/0/a/0/a/0');
    expect(membersInText(bytesOf(deep))).toBe(100_002);
    expect(membersInValue(JSON.parse(deep))).toBe(100_001);
    const wide = `{${Array.from({ length: 100_000 }, (_, i) => `"k${i}":0`).join()},"k99999":1}`;
    expect(repeatedMember(wide)).toBe('/k99999');
    const backslashes = `{"a":"${String.raw`\\`.repeat(500_000)}","a":1}`;
    expect(repeatedMember(backslashes)).toBe('/a');
  });
  it('that is not valid JSON has its members counted without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(membersInText(bytes)).toBeLessThanOrEqual(bytes.length);
      }),
    );
  });
});

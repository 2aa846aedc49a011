import { expect, test } from 'vitest';
import { ApiUnderTest } from '../testing/api-under-test.ts';

type Node = Readonly<Record<string, unknown>>;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;

/** Where the document has an object schema without a name: generators would invent one, such as `Inner1`. */
function unnamed(value: unknown, path: readonly string[]): string[] {
  if (!isNode(value)) return [];
  const isNamed = path.length === 3 && path[1] === 'schemas';
  const isObject = isNode(value['properties']) && value['type'] === 'object';
  // A whole response that is one of several objects; for a choice inside a schema, generators derive a name from its
  // place.
  const isChoice = 'anyOf' in value && path.at(-1) === 'schema';
  const here = (isObject || isChoice) && !isNamed ? [path.join('/')] : [];
  const inside = Object.entries(value).filter(([name]) => !['example', 'examples', 'default'].includes(name));
  return [...here, ...inside.flatMap(([name, child]) => unnamed(child, [...path, name]))];
}

/** Enumerations of booleans: generators read them as enumerations of strings. */
function enumeratedBooleans(value: unknown, path: readonly string[]): string[] {
  if (!isNode(value)) return [];
  const type = [value['type']].flat();
  const here = type.includes('boolean') && type.length > 1 && 'enum' in value ? [path.join('/')] : [];
  return [...here, ...Object.entries(value).flatMap(([name, child]) => enumeratedBooleans(child, [...path, name]))];
}

test('every object in the document has a name, and generators understand every type', async () => {
  const api = await ApiUnderTest.start();
  try {
    const document = (await api.get('/openapi.json', { key: null })).json;
    expect(unnamed(document['components'], ['components'])).toEqual([]);
    expect(unnamed(document['paths'], ['paths'])).toEqual([]);
    expect(enumeratedBooleans(document, [])).toEqual([]);
  } finally {
    await api.stop();
  }
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { uuidV7Time } from '../../domain/ids.ts';
import { ApiUnderTest } from '../testing/api-under-test.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const textOf = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const notUuidV7 = (ids: readonly string[]) => ids.filter((id) => uuidV7Time(id) === null);

const TEXT = /\.(?:md|ya?ml|json|mjs|txt|tpl)$/;

/** The places where a text for readers shows the id of a transfer: in a body, in a path, and in a header. */
const SHOWN = [
  /\btransactionId["']?: *\\?["']([^"'\\]+)/g,
  /\/v1\/transfers\/(?!batch\b|group\b|split\b)([\w.:-]+)/g,
  /Idempotency-Key: *"?([\w.:-]+)/gi,
];
const idsIn = (text: string) => SHOWN.flatMap((form) => [...text.matchAll(form)].map(([, id = '']) => id));

/** Every example of the member, at any depth of the OpenAPI document. */
function examplesIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const fields = node as Record<string, unknown>;
  const { name, transactionId, schema, example } = fields;
  const found = Object.values(fields).flatMap(examplesIn);
  if (typeof transactionId === 'string') found.push(transactionId);
  if (name === 'transactionId') found.push(String(example ?? (schema as { example?: unknown }).example));
  const described = (transactionId as { example?: unknown } | undefined)?.example;
  if (typeof described === 'string') found.push(described);
  return found;
}

describe('The ids of transfers in examples are UUIDv7, because readers copy them', () => {
  it('in the OpenAPI document', async () => {
    const api = await ApiUnderTest.start();
    const { json } = await api.get('/openapi.json', { key: null });
    await api.stop();
    const ids = examplesIn(json);
    expect(ids.length).toBeGreaterThan(3);
    expect(notUuidV7(ids)).toEqual([]);
  });

  it('in the documents, the chart and the demo accounts', () => {
    const files = readdirSync(ROOT).concat(
      ['docs', 'charts', 'k8s', 'devstack'].flatMap((folder) =>
        readdirSync(join(ROOT, folder), { recursive: true }).map((file) => join(folder, String(file))),
      ),
    );
    const shown = files.filter((file) => TEXT.test(file)).map((file) => ({ file, ids: idsIn(textOf(file)) }));
    expect(shown.flatMap(({ ids }) => ids).length).toBeGreaterThan(4);
    expect(shown.flatMap(({ file, ids }) => notUuidV7(ids).map((id) => `${file}: ${id}`))).toEqual([]);
  });

  it.each([
    ['loadtest/k6/shared/bank.ts', /function newId\(\).*\n.*\n.*-7\$\{/],
    ['loadtest/jmeter/holdfast.jmx', /vars\.put\(&quot;id&quot;, time.* \+ &quot;-7&quot; \+/],
    ['loadtest/wrk/transfers.lua', /"transactionId":"%s-7%s-8%s-%012x"/],
  ])('in what %s generates', (file, form) => {
    expect(textOf(file)).toMatch(form);
  });
});

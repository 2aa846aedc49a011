import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { generatedTypes, TYPES_FILE } from './openapi-types.ts';

test('the types of the client library match the OpenAPI document', async () => {
  expect(
    readFileSync(TYPES_FILE, 'utf8') === (await generatedTypes()),
    'The API has changed. Run: npx tsx scripts/clients/openapi-types.ts --write',
  ).toBe(true);
});

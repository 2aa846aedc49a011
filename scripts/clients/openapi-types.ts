/**
 * Generates the types of the client library from the OpenAPI document:
 * `tsx scripts/clients/openapi-types.ts --write` writes clients/typescript/src/generated/openapi.ts.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import openapiTS, { astToString, type OpenAPI3 } from 'openapi-typescript';
import { ApiUnderTest } from '../../app/api/testing/api-under-test.ts';
import { readWriteCommand } from '../../app/config/command-line.mjs';

export const TYPES_FILE = join(import.meta.dirname, '../../clients/typescript/src/generated/openapi.ts');

const HEAD = `/**
 * Types of the HTTP API, generated from its OpenAPI document by scripts/clients/openapi-types.ts. Do not edit: run
 * \`npx tsx scripts/clients/openapi-types.ts --write\`.
 */
`;

/** The types as the file must contain them. */
export async function generatedTypes(): Promise<string> {
  const nodes = await openapiTS(JSON.stringify(withoutProblems(await openApiDocument())), {
    // A member with a default is optional in requests.
    defaultNonNullable: false,
    immutable: true,
  });
  return HEAD + astToString(nodes);
}

/** The document that a pod serves. */
async function openApiDocument(): Promise<OpenAPI3> {
  const api = await ApiUnderTest.start();
  try {
    return (await api.get('/openapi.json', { key: null })).json as unknown as OpenAPI3;
  } finally {
    await api.stop();
  }
}

/** Every operation repeats up to fifteen problems, all with the same schema: without them, the file is half as long. */
function withoutProblems(document: OpenAPI3): OpenAPI3 {
  const paths = Object.entries(document.paths ?? {}).map(([path, methods]) => [
    path,
    Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, successesOf(operation)])),
  ]);
  return { ...document, paths: Object.fromEntries(paths) };
}

function successesOf(operation: { responses: object }) {
  const successes = Object.entries(operation.responses).filter(([status]) => Number(status) < 400);
  return { ...operation, responses: Object.fromEntries(successes) };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  readWriteCommand('tsx scripts/clients/openapi-types.ts', 'Writes the types of the client library.');
  writeFileSync(TYPES_FILE, await generatedTypes());
}

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { PROBLEMS, type ProblemCode } from '../../domain/problem.ts';
import { problemsOf } from '../docs/openapi.ts';
import { apiRoutes } from '../server.ts';
import { ApiUnderTest } from '../testing/api-under-test.ts';

let api: ApiUnderTest;
let document: Document;
beforeAll(async () => {
  api = await ApiUnderTest.start();
  api.ledger.open('a', { balance: 1234 });
  document = (await api.get('/openapi.json', { key: null })).json as unknown as Document;
});
afterAll(() => api.stop());

interface Operation {
  operationId: string;
  security: object[];
  requestBody?: { content: Record<string, { schema: { $ref: string } }> };
  responses: Record<string, { description: string; headers?: object }>;
}
interface Document {
  openapi: string;
  info: { description: string };
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, { additionalProperties?: boolean; properties: Record<string, { enum?: string[] }> }>;
  };
}

/** The fields that a schema accepts. */
function fieldsOf(schema: z.ZodType | undefined): string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : ['no object'];
}

function operations(): [string, Operation][] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );
}
const documentedRoutes = () => apiRoutes(api.deps).routes.filter((route) => !route.undocumented);

describe('/openapi.json', () => {
  it('covers every route, each with a unique name', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(
      operations()
        .map(([name]) => name)
        .sort(),
    ).toEqual(
      documentedRoutes()
        .map(({ method, path }) => `${method} ${path}`)
        .sort(),
    );
    expect(new Set(operations().map(([, { operationId }]) => operationId)).size).toBe(documentedRoutes().length);
  });
  it('covers every endpoint of the API contract', () => {
    expect(operations().map(([name]) => name)).toEqual(
      expect.arrayContaining([
        'POST /v1/accounts',
        'POST /v1/accounts/batch',
        'GET /v1/accounts/{id}',
        'PATCH /v1/accounts/{id}',
        'GET /v1/accounts/{id}/balance',
        'POST /v1/balances/query',
        'GET /v1/accounts/{id}/postings',
        'POST /v1/transfers',
        'POST /v1/transfers/batch',
        'GET /v1/transfers/{transactionId}',
        'POST /v1/transfers/{transactionId}/reversal',
        'GET /livez',
        'GET /readyz',
        'GET /metrics',
        'GET /openapi.json',
        'GET /docs',
        'GET /v1/ops/status',
        'POST /v1/ops/reconciliations',
      ]),
    );
  });
  it('lists every problem code that a route can return', () => {
    for (const route of documentedRoutes()) {
      const operation = document.paths[route.path]?.[route.method.toLowerCase()];
      for (const code of problemsOf(route)) {
        expect(operation?.responses[PROBLEMS[code].status]?.description).toContain(`\`${code}\``);
      }
    }
    const everywhere = operations().flatMap(([, { responses }]) => Object.values(responses).map((r) => r.description));
    const text = [...everywhere, document.info.description].join(' ');
    for (const code of Object.keys(PROBLEMS)) expect(text).toContain(`\`${code}\``);
    expect(document.components.schemas['Problem']?.properties['code']?.enum).toEqual(Object.keys(PROBLEMS));
  });
  it('marks what may be retried', () => {
    for (const [, { responses }] of operations()) {
      for (const [status, response] of Object.entries(responses)) {
        const codes = (response.description.match(/`(\w+)`/g) ?? []).map((code) => code.slice(1, -1)) as ProblemCode[];
        const retryable = codes.some((code) => PROBLEMS[code]?.retryable && String(PROBLEMS[code].status) === status);
        expect('headers' in response && 'Retry-After' in (response.headers ?? {})).toBe(retryable);
      }
    }
  });
  it('shows the schema that is applied to each body', () => {
    const bodies = documentedRoutes().filter((route) => route.body);
    expect(bodies.length).toBeGreaterThan(5);
    for (const { method, path, body } of bodies) {
      const shown = document.paths[path]?.[method.toLowerCase()]?.requestBody?.content['application/json']?.schema.$ref;
      const schema = document.components.schemas[shown?.replace('#/components/schemas/', '') ?? ''];
      // The documented schema is strict, and has exactly the fields that the validation accepts.
      expect(schema?.additionalProperties).toBe(false);
      expect(Object.keys(schema?.properties ?? {})).toEqual(fieldsOf(body?.schema));
    }
  });
  it('requires a key for protected routes', () => {
    for (const route of documentedRoutes()) {
      const security = document.paths[route.path]?.[route.method.toLowerCase()]?.security;
      expect(security).toEqual(route.scopes.length > 0 ? [{ bearer: [] }] : []);
    }
  });
});

describe('/docs', () => {
  it('needs no other host and no inline script', async () => {
    const page = await api.get('/docs', { key: null });
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self';");
    expect(page.text).not.toMatch(/https?:|<script>|style=/);
    const files = [...page.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file]) => file);
    expect(files).toHaveLength(4);
    for (const file of files) {
      const reply = await api.get(`/${file}`, { key: null });
      expect(reply.status).toBe(200);
      expect(reply.headers.get('cache-control')).toBe('public, max-age=86400');
      expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
      expect((await api.get(`/${file}`, { key: null })).text).toBe(reply.text);
    }
  });
  it('serves no other file', async () => {
    for (const file of ['package.json', '..%2fpackage.json', '__proto__', 'index.html', '%00']) {
      expect(await api.get(`/docs/${file}`)).toMatchObject({ status: 404, json: { code: 'not_found' } });
    }
  });
});

describe('docs/api.md', () => {
  it('contains the problem table of app/domain/problem.ts', () => {
    const page = readFileSync(new URL('../../../docs/api.md', import.meta.url), 'utf8');
    const rows = [...page.matchAll(/^\| `(\w+)` \| (\d+) \| (yes|no) \|/gm)].map(([, code, status, again]) => [
      code,
      status,
      again,
    ]);
    const expected = Object.entries(PROBLEMS).map(([code, { status, retryable }]) => [
      code,
      String(status),
      retryable ? 'yes' : 'no',
    ]);
    expect(rows).toEqual(expected);
  });
});

import { OpenAPIRegistry, OpenApiGeneratorV31, type ResponseConfig } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';
import { PROBLEMS, type ProblemCode } from '../../domain/problem.ts';
import { ProblemSchema } from '../http/problems.ts';
import type { AnswerDefinition, Route } from '../http/route.ts';

const VERSION = '1';

/** Problems that the middleware can return on every route that requires a scope, in addition to the route's own. */
const PROBLEMS_WITH_SCOPE: readonly ProblemCode[] = [
  // The response to an Idempotency-Key on a route that does not support it.
  'validation_failed',
  'unauthenticated',
  'forbidden',
  'rate_limited',
  'overloaded',
  'issuer_unavailable',
  'internal_error',
];
const PROBLEMS_WITH_BODY: readonly ProblemCode[] = ['request_timeout', 'payload_too_large', 'unsupported_media_type'];

/** The OpenAPI 3.1 document of these routes, generated from the definitions that the code enforces. */
export function openApiDocument(routes: readonly Route[]) {
  const registry = new OpenAPIRegistry();
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description:
      'An API key, or, if the deployment accepts JWTs, a JWT (`sub` is the user; `scope` or `scp` lists its scopes).',
  });
  for (const route of routes) if (!route.undocumented) registerRoute(registry, route);
  return new OpenApiGeneratorV31(registry.definitions).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version: VERSION,
      description: [
        'Balances and transfers at memory speed, with every transfer persisted in MySQL.',
        `Any path can also return ${codes(['not_found', 'method_not_allowed', 'headers_too_large', 'shutting_down'])}.`,
        'Responses to requests that may be retried carry `Retry-After`.',
        'Operations that do not document an `Idempotency-Key` reject it with `validation_failed`.',
        'Send `X-Correlation-Id` to trace a request; it is echoed, or generated if absent.',
      ].join(' '),
    },
    servers: [{ url: '/' }],
  });
}

/** Every code that a route can return, in the order of the problem table. */
export function problemsOf(route: Route): ProblemCode[] {
  const documented = new Set<ProblemCode>(route.problems);
  if (route.scopes.length > 0) for (const code of PROBLEMS_WITH_SCOPE) documented.add(code);
  if (route.body) for (const code of PROBLEMS_WITH_BODY) documented.add(code);
  return (Object.keys(PROBLEMS) as ProblemCode[]).filter((code) => documented.has(code));
}

const METHODS = { GET: 'get', POST: 'post', PATCH: 'patch', DELETE: 'delete' } as const;

function registerRoute(registry: OpenAPIRegistry, route: Route): void {
  const { body } = route;
  const scopes = route.scopes.length > 0 ? `Scope: ${route.scopes.map((scope) => `\`${scope}\``).join(' or ')}.` : '';
  registry.registerPath({
    method: METHODS[route.method],
    path: route.path,
    operationId: operationId(route),
    tags: [route.tag],
    summary: route.summary,
    description: [route.description, scopes].filter(Boolean).join('\n\n'),
    security: route.scopes.length > 0 ? [{ bearer: [] }] : [],
    request: {
      ...(route.params && { params: route.params }),
      ...(route.query && { query: route.query }),
      ...(route.headers && { headers: route.headers }),
      ...(body && {
        body: {
          required: !body.optional,
          content: { 'application/json': { schema: body.documented ?? body.schema, example: body.example } },
        },
      }),
    },
    responses: responsesOf(route),
  });
}

/** `POST /v1/accounts/{id}/balance` → `postAccountsIdBalance`: the method name in generated clients. */
function operationId({ method, path }: Route): string {
  const words = path.replace('/v1', '').match(/[A-Za-z]+/g) ?? [];
  return method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

function responsesOf(route: Route): Record<string, ResponseConfig> {
  const responses: Record<string, ResponseConfig> = {};
  for (const [status, answer] of Object.entries(route.answers)) responses[status] = success(answer);
  const problems = problemsOf(route);
  for (const status of new Set(problems.map((code) => PROBLEMS[code].status))) {
    const list = problems.filter((code) => PROBLEMS[code].status === status);
    responses[status] = {
      description: codes(list),
      ...(list.some((code) => PROBLEMS[code].retryable) && { headers: headersOf({ 'Retry-After': 'Seconds.' }) }),
      content: { 'application/problem+json': { schema: ProblemSchema } },
    };
  }
  return responses;
}

function success(answer: AnswerDefinition): ResponseConfig {
  const { description, headers } = answer;
  const content = contentOf(answer);
  return { description, ...(headers && { headers: headersOf(headers) }), ...(content && { content }) };
}

function contentOf({
  schema,
  contentType = 'application/json',
  contents,
}: AnswerDefinition): ResponseConfig['content'] {
  if (contents)
    return Object.fromEntries(
      Object.entries(contents).map(([type, example]) => [type, { schema: schema ?? z.string(), example }]),
    );
  const hasContent = schema !== undefined || contentType !== 'application/json';
  return hasContent ? { [contentType]: { schema: schema ?? z.string() } } : undefined;
}

function headersOf(headers: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(headers).map(([name, description]) => [name, { description, schema: { type: 'string' as const } }]),
  );
}

function codes(list: readonly ProblemCode[]): string {
  return list.map((code) => `\`${code}\``).join(', ');
}

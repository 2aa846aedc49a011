import type { KeyManagement } from '../../domain/api-keys.ts';
import { newUuidV7 } from '../../domain/ids.ts';
import { type Call, idempotencyKeyOf, type Route, route } from '../http/route.ts';
import { IdempotencyKeyHeader, refused } from '../http/validation.ts';
import { LIMIT_DEFAULT } from '../schemas/fields.ts';
import {
  ApiKeyAnswer,
  ApiKeyList,
  ApiKeyRequest,
  IssuedApiKey,
  issuedAnswer,
  KeyId,
  KeyLog,
  KeyLogQuery,
  KeyRevocationRequest,
  KeyRotationRequest,
  KeysQuery,
  keyAnswer,
  keyParams,
  logAnswer,
  rotationOf,
  wantedKeyOf,
} from './key-schema.ts';

interface KeyDependencies {
  keyManagement: KeyManagement;
  /** This pod's estimate of the ledger's time, ms since 1970. */
  ledgerNow: () => number;
}

const tag = 'API keys';
const scopes = ['ops'] as const;
/** Keys of `npm start` for users of /docs: one to read and rotate, and one to revoke. */
const DEMO_KEYS = { read: '019b7650-2c00-7000-8000-000000000007', revoke: '019b7650-2c00-7000-8000-000000000008' };
const headers = IdempotencyKeyHeader(
  'The `keyId` for a body without one; if both are given, they must be equal. An id, bare or in double quotes.',
);

export function keyRoutes(deps: KeyDependencies): Route[] {
  return [createKey(deps), listKeys(deps), readKey(deps), rotateKey(deps), revokeKey(deps), readLog(deps)];
}

function createKey({ keyManagement, ledgerNow }: KeyDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/ops/keys',
    scopes,
    tag,
    summary: 'Create an API key',
    description:
      'The response contains the key, which is shown only once: only its hash is stored. A key can have at most the scopes of its creator.',
    headers,
    takesIdempotencyKey: true,
    body: {
      schema: ApiKeyRequest,
      example: { user: 'card-processor', scopes: ['balances:read', 'transfers:write'], accountPrefixes: ['acme:'] },
    },
    answers: {
      201: { description: 'Created', schema: IssuedApiKey },
      200: { description: 'The same key was already created; its secret is not shown again', schema: IssuedApiKey },
    },
    problems: ['key_id_reused', 'database_unavailable'],
    handle: async (call) => {
      const wanted = wantedKeyOf(call.body, keyIdOf(call, call.body.keyId, ledgerNow()), ledgerNow());
      return issuedAnswer(await keyManagement.create(wanted, call));
    },
  });
}

function listKeys({ keyManagement }: KeyDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/ops/keys',
    scopes,
    tag,
    summary: 'List the API keys, without their secrets',
    description: 'All keys, including expired and revoked ones, in the order of their ids.',
    query: KeysQuery,
    answers: { 200: { description: 'A page of keys', schema: ApiKeyList } },
    problems: ['database_unavailable'],
    async handle({ query }) {
      const { limit = LIMIT_DEFAULT } = query;
      // One more than requested is read, to determine whether there is a next page.
      const found = await keyManagement.keys(query.cursor ?? '', limit + 1);
      const keys = found.slice(0, limit);
      const nextCursor = found.length > limit ? (keys.at(-1)?.keyId ?? null) : null;
      return { status: 200, body: { items: keys.map(keyAnswer), nextCursor } };
    },
  });
}

function readKey({ keyManagement }: KeyDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/ops/keys/{keyId}',
    scopes,
    tag,
    summary: 'Read an API key, without its secret',
    params: keyParams(DEMO_KEYS.read),
    answers: { 200: { description: 'The key', schema: ApiKeyAnswer } },
    problems: ['key_not_found', 'database_unavailable'],
    handle: async ({ params }) => ({ status: 200, body: keyAnswer(await keyManagement.key(params.keyId)) }),
  });
}

function rotateKey({ keyManagement, ledgerNow }: KeyDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/ops/keys/{keyId}/rotate',
    scopes,
    tag,
    summary: 'Replace an API key with a new one that has the same rights',
    description:
      'Both keys are valid until the overlap has passed; then the old one expires. The response contains the new key, which is shown only once. The caller must have the scopes of the key.',
    params: keyParams(DEMO_KEYS.read),
    headers,
    takesIdempotencyKey: true,
    body: { schema: KeyRotationRequest, example: { overlapSeconds: 86_400 }, optional: true },
    answers: {
      201: { description: 'The new key', schema: IssuedApiKey },
      200: { description: 'The same rotation was already made; the secret is not shown again', schema: IssuedApiKey },
    },
    problems: ['key_not_found', 'key_not_active', 'key_id_reused', 'last_ops_key', 'database_unavailable'],
    async handle(call) {
      const { body, params } = call;
      const newKeyId = keyIdOf(call, body.keyId, ledgerNow());
      const rotation = rotationOf(body, { keyId: params.keyId, newKeyId }, ledgerNow());
      return issuedAnswer(await keyManagement.rotate(rotation, call));
    },
  });
}

function revokeKey({ keyManagement }: KeyDependencies): Route {
  return route({
    method: 'POST',
    path: '/v1/ops/keys/{keyId}/revoke',
    scopes,
    tag,
    summary: 'Revoke an API key',
    description:
      'All pods reject the key within seconds; this cannot be undone. The last key with the scope `ops` cannot be revoked. Revoking a key again changes nothing.',
    params: keyParams(DEMO_KEYS.revoke),
    body: { schema: KeyRevocationRequest, example: { reason: 'Found in a public repository' }, optional: true },
    answers: { 200: { description: 'The revoked key', schema: ApiKeyAnswer } },
    problems: ['key_not_found', 'last_ops_key', 'database_unavailable'],
    handle: async (call) => {
      const key = await keyManagement.revoke(call.params.keyId, call.body.reason ?? null, call);
      return { status: 200, body: keyAnswer(key) };
    },
  });
}

function readLog({ keyManagement }: KeyDependencies): Route {
  return route({
    method: 'GET',
    path: '/v1/ops/key-log',
    scopes,
    tag,
    summary: 'Read who created, rotated and revoked which API keys',
    description: 'Newest first. Nothing is ever removed from this log.',
    query: KeyLogQuery,
    answers: { 200: { description: 'A page of the log', schema: KeyLog } },
    problems: ['database_unavailable'],
    async handle({ query }) {
      const { limit = LIMIT_DEFAULT } = query;
      const found = await keyManagement.log(Number(query.cursor ?? Number.MAX_SAFE_INTEGER), limit + 1);
      const entries = found.slice(0, limit);
      const nextCursor = found.length > limit ? String(entries.at(-1)?.seq) : null;
      return { status: 200, body: { items: entries.map(logAnswer), nextCursor } };
    },
  });
}

function keyIdOf(call: Call, keyId: string | null | undefined, nowMs: number): string {
  const key = idempotencyKeyOf(call, KeyId);
  if (key !== null && (keyId ?? key) !== key)
    throw refused('must equal the keyId of the body, or one of the two must be omitted');
  return keyId ?? key ?? newUuidV7(nowMs);
}

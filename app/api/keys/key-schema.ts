import { z } from 'zod';
import {
  type ApiKey,
  type IssuedKey,
  isContradictory,
  isReservedUser,
  KEY_ACTIONS,
  type KeyLogEntry,
  type Rotation,
  sortedScopes,
  type WantedKey,
} from '../../domain/api-keys.ts';
import { SCOPES } from '../../domain/identity.ts';
import { ACCOUNT_ID_PATTERN } from '../../domain/ids.ts';
import type { FieldError } from '../../domain/problem.ts';
import { invalid } from '../http/validation.ts';
import { formatTimestamp, Id, ListLimit, NewId, Timestamp, TimestampInput, text } from '../schemas/fields.ts';

const USER_LENGTH_MAX = 64;
const NAME_LENGTH_MAX = 140;
const REASON_LENGTH_MAX = 255;
const PREFIXES_MAX = 16;
const OVERLAP_S_DEFAULT = 86_400;
const OVERLAP_S_MAX = 30 * 86_400;

export const KeyId = NewId.meta({
  description:
    'The id of the key, which is not secret, and the idempotency key of its creation. If absent, the `Idempotency-Key` is used, or an id is generated.',
  example: '019b2f6c-7a10-7c3e-9d41-3f2a8c5b7e93',
});

/** @param example one of the keys of `npm start` (devstack/demo.mjs) */
export const keyParams = (example: string) =>
  z.object({ keyId: Id.meta({ description: 'The id of a key.', example }) });

const Scopes = z.array(z.enum(SCOPES)).min(1).max(SCOPES.length);
const AccountPrefixes = z
  .array(z.string().regex(ACCOUNT_ID_PATTERN, 'must be 1 to 64 characters of A-Z a-z 0-9 . _ : @ -'))
  .min(1)
  .max(PREFIXES_MAX)
  .meta({
    description:
      'The key may use only accounts whose ids begin with one of these. End a prefix with a separator: `acme` also allows `acme-2`, `acme:` does not. Cannot be combined with the scope `ops`. If absent, the key may use all accounts.',
    example: ['acme:'],
  });

export const ApiKeyRequest = z
  .strictObject({
    keyId: KeyId.nullish(),
    user: text(USER_LENGTH_MAX).meta({ description: 'Recorded as the user of every posting that the key makes.' }),
    name: text(NAME_LENGTH_MAX).nullish().meta({ description: 'What the key is for, as free text; it has no effect.' }),
    scopes: Scopes.meta({ description: 'At most those of the caller.' }),
    accountPrefixes: AccountPrefixes.nullish(),
    expiresAt: TimestampInput.nullish().meta({ description: 'When it expires. If absent, it does not expire.' }),
  })
  .meta({ id: 'ApiKeyRequest' });

export const KeyRotationRequest = z
  .strictObject({
    keyId: KeyId.nullish().meta({ description: 'The id of the new key.' }),
    expiresAt: TimestampInput.nullish().meta({
      description: 'When the new key expires. If absent, it does not expire.',
    }),
    overlapSeconds: z.int().min(0).max(OVERLAP_S_MAX).nullish().meta({
      description: 'How long the old key remains valid; at most 30 days.',
      default: OVERLAP_S_DEFAULT,
    }),
  })
  .meta({ id: 'KeyRotationRequest' });

export const KeyRevocationRequest = z
  .strictObject({ reason: text(REASON_LENGTH_MAX).nullish().meta({ description: 'For the log.' }) })
  .meta({ id: 'KeyRevocationRequest' });

export const ApiKeyAnswer = z
  .object({
    keyId: Id,
    user: z.string(),
    name: z.string().nullable(),
    scopes: z.array(z.enum(SCOPES)),
    accountPrefixes: z.array(z.string()).nullable().meta({ description: 'Null if it may use all accounts.' }),
    status: z.enum(['ACTIVE', 'EXPIRED', 'REVOKED']),
    createdAt: Timestamp,
    createdBy: z.string().nullable().meta({ description: 'Null for a key that was not created through this API.' }),
    replaces: Id.nullable().meta({ description: 'The key that this one was rotated from.' }),
    expiresAt: Timestamp.nullable(),
    revokedAt: Timestamp.nullable(),
    lastUsedAt: Timestamp.nullable().meta({
      description: 'Accurate to about ten minutes; null if the key was never used.',
    }),
  })
  .meta({ id: 'ApiKey' });

export const IssuedApiKey = ApiKeyAnswer.extend({
  secret: z.string().nullable().meta({
    description:
      'The key to send as `Authorization: Bearer <secret>`. It is returned only once and cannot be read again: null if the request is repeated. If the first answer was lost, revoke the key and create another one.',
  }),
}).meta({ id: 'IssuedApiKey' });

export const ApiKeyList = z
  .object({ items: z.array(ApiKeyAnswer), nextCursor: z.string().nullable() })
  .meta({ id: 'ApiKeyList' });

export const KeyLog = z
  .object({
    items: z.array(
      z
        .object({
          at: Timestamp,
          action: z.enum(KEY_ACTIONS).meta({
            description: '`REFUSED`: the caller lacked rights, or tried to revoke the last key with the scope `ops`.',
          }),
          keyId: Id.meta({ description: 'The key that was created, rotated or revoked.' }),
          user: z.string().meta({ description: 'The user who made the request.' }),
          userKeyId: Id.nullable().meta({ description: 'The key with which the request was made; null for a JWT.' }),
          correlationId: z.string().nullable(),
          content: z.record(z.string(), z.unknown()).meta({ description: 'What was requested.' }),
        })
        .meta({ id: 'KeyLogEntry' }),
    ),
    nextCursor: z.string().nullable(),
  })
  .meta({ id: 'KeyLog' });

const cursorOf = (pattern: RegExp) =>
  z
    .string()
    .regex(pattern, 'is not a cursor from an earlier response')
    .optional()
    .meta({ description: 'The `nextCursor` of the previous response.' });
export const KeysQuery = z.strictObject({ cursor: cursorOf(/^[A-Za-z0-9._:-]{1,64}$/), limit: ListLimit });
export const KeyLogQuery = z.strictObject({ cursor: cursorOf(/^[1-9]\d{0,15}$/), limit: ListLimit });

/** @throws Problem validation_failed for rules that involve more than one field */
export function wantedKeyOf(request: z.output<typeof ApiKeyRequest>, keyId: string, nowMs: number): WantedKey {
  const { user, name = null, accountPrefixes = null, expiresAt = null } = request;
  const wanted = { keyId, user, name, scopes: sortedScopes(request.scopes), accountPrefixes, expiresAt };
  const errors: FieldError[] = [];
  if (isReservedUser(user))
    errors.push({ pointer: '/user', detail: 'must not begin with jwt:, which marks users of JWTs' });
  if (isContradictory(wanted))
    errors.push({
      pointer: '/accountPrefixes',
      detail: 'cannot be combined with the scope ops, which shows all accounts',
    });
  checkExpiry(expiresAt, nowMs, errors);
  if (errors.length > 0) throw invalid(errors);
  return wanted;
}

/** @throws Problem validation_failed */
export function rotationOf(
  { expiresAt = null, overlapSeconds }: z.output<typeof KeyRotationRequest>,
  { keyId, newKeyId }: Pick<Rotation, 'keyId' | 'newKeyId'>,
  nowMs: number,
): Rotation {
  const errors: FieldError[] = [];
  if (keyId === newKeyId) errors.push({ pointer: '/keyId', detail: 'must differ from the id of the old key' });
  checkExpiry(expiresAt, nowMs, errors);
  if (errors.length > 0) throw invalid(errors);
  return { keyId, newKeyId, expiresAt, overlapS: overlapSeconds ?? OVERLAP_S_DEFAULT };
}

function checkExpiry(expiresAt: number | null, nowMs: number, errors: FieldError[]): void {
  if (expiresAt !== null && expiresAt <= nowMs) errors.push({ pointer: '/expiresAt', detail: 'must be in the future' });
}

const shownTime = (ms: number | null): string | null => (ms === null ? null : formatTimestamp(ms));

export const keyAnswer = (key: ApiKey): z.input<typeof ApiKeyAnswer> => ({
  keyId: key.keyId,
  user: key.user,
  name: key.name,
  scopes: [...key.scopes],
  accountPrefixes: key.accountPrefixes && [...key.accountPrefixes],
  status: key.status,
  createdAt: formatTimestamp(key.createdAt),
  createdBy: key.createdBy,
  replaces: key.replaces,
  expiresAt: shownTime(key.expiresAt),
  revokedAt: shownTime(key.revokedAt),
  lastUsedAt: shownTime(key.lastUsedAt),
});

/** 201 with the secret, or 200 without it if the key already existed. */
export const issuedAnswer = ({ key, secret }: IssuedKey) => ({
  status: secret === null ? 200 : 201,
  body: { ...keyAnswer(key), secret } satisfies z.input<typeof IssuedApiKey>,
});

export const logAnswer = ({ at, action, keyId, by, byKeyId, correlationId, content }: KeyLogEntry) => ({
  at: formatTimestamp(at),
  action,
  keyId,
  user: by,
  userKeyId: byKeyId,
  correlationId,
  content,
});

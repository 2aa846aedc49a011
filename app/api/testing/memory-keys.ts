import {
  type ApiKey,
  exceededRights,
  type IssuedKey,
  type KeyLogEntry,
  type KeyManagement,
  type KeyRequest,
  type Rotation,
  type WantedKey,
} from '../../domain/api-keys.ts';
import { Problem } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';

/** Keys in memory. This stores no secrets and enforces only the rights of the caller. */
export class MemoryKeys implements KeyManagement {
  readonly stored = new Map<string, ApiKey>();
  readonly entries: KeyLogEntry[] = [];
  readonly #clock: Pick<Clock, 'now'>;
  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  async create(wanted: WantedKey, request: KeyRequest): Promise<IssuedKey> {
    const reason = exceededRights(request.identity, wanted);
    if (reason !== null) throw new Problem('forbidden', reason);
    const existing = this.stored.get(wanted.keyId);
    if (existing) return { key: existing, secret: null };
    const key: ApiKey = {
      ...wanted,
      status: 'ACTIVE',
      createdAt: this.#clock.now(),
      createdBy: request.identity.user,
      replaces: null,
      revokedAt: null,
      lastUsedAt: null,
    };
    this.stored.set(key.keyId, key);
    this.#log('CREATED', key.keyId, request, { ...wanted });
    return { key, secret: `secret-${key.keyId}` };
  }

  async rotate({ keyId, newKeyId, expiresAt, overlapS }: Rotation, request: KeyRequest): Promise<IssuedKey> {
    const old = await this.key(keyId);
    const issued = await this.create({ ...old, keyId: newKeyId, expiresAt }, request);
    const key = { ...issued.key, replaces: keyId };
    this.stored.set(newKeyId, key);
    this.stored.set(keyId, { ...old, expiresAt: this.#clock.now() + overlapS * 1000 });
    return { ...issued, key };
  }

  async revoke(keyId: string, reason: string | null, request: KeyRequest): Promise<ApiKey> {
    const key: ApiKey = { ...(await this.key(keyId)), status: 'REVOKED', revokedAt: this.#clock.now() };
    this.stored.set(keyId, key);
    this.#log('REVOKED', keyId, request, { reason });
    return key;
  }

  async key(keyId: string): Promise<ApiKey> {
    const key = this.stored.get(keyId);
    if (!key) throw new Problem('key_not_found', `There is no API key ${keyId}.`);
    return key;
  }

  async keys(afterKeyId: string, limit: number): Promise<ApiKey[]> {
    const after = [...this.stored.values()].filter(({ keyId }) => keyId > afterKeyId);
    return after.sort((one, other) => (one.keyId < other.keyId ? -1 : 1)).slice(0, limit);
  }

  async log(beforeSeq: number, limit: number): Promise<KeyLogEntry[]> {
    const before = this.entries.filter(({ seq }) => seq < beforeSeq);
    return before.reverse().slice(0, limit);
  }

  #log(action: KeyLogEntry['action'], keyId: string, request: KeyRequest, content: KeyLogEntry['content']): void {
    this.entries.push({
      seq: this.entries.length + 1,
      at: this.#clock.now(),
      action,
      keyId,
      by: request.identity.user,
      byKeyId: request.identity.keyId ?? null,
      correlationId: request.correlationId,
      content,
    });
  }
}

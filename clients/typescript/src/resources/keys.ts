import { type Caller, type CallOptions, change, objectWith, read, segment, withQuery } from '../calls.ts';
import { listIn, pages } from '../streams/pages.ts';
import type { ApiKey, ApiKeyList, ApiKeyRequest, IssuedApiKey, KeyLog, KeyLogEntry, KeyRotation } from '../types.ts';

/** API keys; needs the scope `ops`. */
export class Keys {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Creates a key. The service shows its secret only once: if the answer that contained it was lost, the `secret` of a
   * later attempt is null. In this case, revoke the key, and create another one.
   * @throws ProblemError, NoAnswerError: nothing was changed; OutcomeUnknownError: look for the key, and revoke it
   */
  async create(request: ApiKeyRequest, options: CallOptions = {}): Promise<IssuedApiKey> {
    const keyId = request.keyId ?? this.#caller.ids.next();
    return this.#issue('/v1/ops/keys', { ...request, keyId }, options);
  }

  /**
   * Replaces a key with a new one that has the same rights; both are valid until the overlap has passed. See `create`.
   */
  async rotate(keyId: string, request: KeyRotation = {}, options: CallOptions = {}): Promise<IssuedApiKey> {
    const newKeyId = request.keyId ?? this.#caller.ids.next();
    return this.#issue(`${keyPath(keyId)}/rotate`, { ...request, keyId: newKeyId }, options);
  }

  /** All keys, including those that have expired or are revoked, without their secrets. */
  list(options: CallOptions = {}): AsyncGenerator<ApiKey, void, undefined> {
    return pages((cursor) => read(this.#caller, withQuery('/v1/ops/keys', { cursor }), listIn<ApiKeyList>, options));
  }

  /** @throws ProblemError `key_not_found` */
  async get(keyId: string, options: CallOptions = {}): Promise<ApiKey> {
    return read(this.#caller, keyPath(keyId), (body) => objectWith<ApiKey>(body, { keyId }), options);
  }

  /**
   * Revokes a key for good; all pods reject it within seconds. Revoking it again changes nothing. @throws as `create`
   */
  async revoke(keyId: string, options: CallOptions & { reason?: string } = {}): Promise<ApiKey> {
    const body = JSON.stringify({ reason: options.reason });
    const content = { method: 'POST', path: `${keyPath(keyId)}/revoke`, body } as const;
    return change(this.#caller, content, (answer) => objectWith<ApiKey>(answer, { keyId }), options);
  }

  /** Who created, rotated and revoked which keys, newest first. */
  log(options: CallOptions = {}): AsyncGenerator<KeyLogEntry, void, undefined> {
    return pages((cursor) => read(this.#caller, withQuery('/v1/ops/key-log', { cursor }), listIn<KeyLog>, options));
  }

  #issue(path: string, request: { keyId: string }, options: CallOptions): Promise<IssuedApiKey> {
    const { keyId } = request;
    const content = { method: 'POST', path, body: JSON.stringify(request) } as const;
    return change(this.#caller, content, (body) => objectWith<IssuedApiKey>(body, { keyId }), options);
  }
}

const keyPath = (keyId: string) => `/v1/ops/keys/${segment(keyId)}`;

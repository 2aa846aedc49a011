import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_BYTES = 4;
const KEY = /^[A-Za-z0-9+/]{43}=$/;

/** Whether a text consists of one or more keys for a `SecretBox`: 32 bytes each, in base64, separated by whitespace. */
export const areBoxKeys = (text: string): boolean => text.split(/\s+/).every((key) => KEY.test(key));

interface BoxKey {
  id: Buffer;
  key: Buffer;
}

/**
 * Encrypts secrets that are stored in a database (AES-256-GCM). The first key encrypts; all of them decrypt, so that a key
 * can be replaced.
 */
export class SecretBox {
  readonly #keys: readonly BoxKey[];

  /** @param keys see `areBoxKeys` */
  constructor(keys: string) {
    this.#keys = keys.split(/\s+/).map((text) => {
      const key = Buffer.from(text, 'base64');
      if (key.length !== KEY_BYTES) throw new TypeError('a key must be 32 bytes, in base64');
      return { key, id: createHash('sha256').update(key).digest().subarray(0, KEY_ID_BYTES) };
    });
  }

  /** @param use what the secret is for: it can be decrypted only for the same use. @returns base64 */
  seal(secret: string, use: string): string {
    const [first] = this.#keys;
    if (!first) throw new TypeError('a box has at least one key');
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(CIPHER, first.key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(Buffer.from(use));
    const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    return Buffer.concat([first.id, nonce, cipher.getAuthTag(), sealed]).toString('base64');
  }

  /** Null if it was encrypted with another key or for another use, or has been changed. */
  open(sealed: string, use: string): string | null {
    const bytes = Buffer.from(sealed, 'base64');
    const key = this.#keys.find(({ id }) => bytes.subarray(0, KEY_ID_BYTES).equals(id))?.key;
    if (!key) return null;
    const nonceEnd = KEY_ID_BYTES + NONCE_BYTES;
    const tagEnd = nonceEnd + TAG_BYTES;
    try {
      const nonce = bytes.subarray(KEY_ID_BYTES, nonceEnd);
      const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
      decipher.setAAD(Buffer.from(use));
      decipher.setAuthTag(bytes.subarray(nonceEnd, tagEnd));
      return Buffer.concat([decipher.update(bytes.subarray(tagEnd)), decipher.final()]).toString('utf8');
    } catch {
      return null;
    }
  }
}

import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { areBoxKeys, SecretBox } from './secret-box.ts';

const newKey = () => randomBytes(32).toString('base64');

describe('SecretBox', () => {
  it('opens what it has sealed, for the same use', () => {
    const box = new SecretBox(newKey());
    const sealed = box.seal('whsec_ü', 'webhook w1');
    expect(sealed).not.toContain('whsec');
    expect(box.open(sealed, 'webhook w1')).toBe('whsec_ü');
    expect(box.open(sealed, 'webhook w2')).toBeNull();
    expect(box.seal('whsec_ü', 'webhook w1')).not.toBe(sealed);
  });
  it('does not open data that was changed, truncated, or sealed with another key', () => {
    const box = new SecretBox(newKey());
    const sealed = Buffer.from(box.seal('secret', 'use'), 'base64');
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(box.open(changed.toString('base64'), 'use')).toBeNull();
      expect(box.open(sealed.subarray(0, at).toString('base64'), 'use')).toBeNull();
    }
    expect(new SecretBox(newKey()).open(sealed.toString('base64'), 'use')).toBeNull();
  });
  it('opens with every key, and seals with the first one, so that a key can be replaced', () => {
    const [before, after] = [newKey(), newKey()];
    const sealed = new SecretBox(before).seal('secret', 'use');
    const both = new SecretBox(`${after} ${before}`);
    expect(both.open(sealed, 'use')).toBe('secret');
    expect(new SecretBox(after).open(both.seal('secret', 'use'), 'use')).toBe('secret');
  });
  it('takes only keys of 32 bytes in base64', () => {
    expect(areBoxKeys(`${newKey()}\n${newKey()}`)).toBe(true);
    for (const wrong of [
      '',
      'short',
      randomBytes(16).toString('base64'),
      `${newKey()} x`,
      randomBytes(32).toString('hex'),
    ])
      expect(areBoxKeys(wrong)).toBe(false);
  });
});

import { describe, expect, it } from 'vitest';
import { parseQuery } from './query.ts';

describe('a query', () => {
  it('is parsed and decoded into its parameters', () => {
    expect(parseQuery('')).toEqual({});
    expect(parseQuery('a=1&b=two%20words+here&c')).toEqual({ a: '1', b: 'two words here', c: '' });
    expect(parseQuery('a=%zz&%41=x')).toEqual({ a: '%zz', A: 'x' });
  });
  it('keeps all values of a repeated parameter', () => {
    expect(parseQuery('a=1&a=2&a=3')).toEqual({ a: ['1', '2', '3'] });
  });
  it('has no inherited parameters', () => {
    expect(Object.keys(parseQuery('__proto__=1&constructor=2'))).toEqual(['__proto__', 'constructor']);
    expect(parseQuery('a=1')).not.toHaveProperty('polluted');
  });
  it('is rejected before parsing if it is too long', () => {
    expect(() => parseQuery('a&'.repeat(33))).toThrow('The query may have at most 32 parameters.');
    expect(() => parseQuery(`a=${'x'.repeat(2_047)}`)).toThrow('The query may have at most 2048 characters.');
    expect(Object.keys(parseQuery('a&'.repeat(32)))).toEqual(['a']);
  });
});

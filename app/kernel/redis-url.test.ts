import { describe, expect, it } from 'vitest';
import { parseRedisUrl } from './redis-url.ts';

const NOBODY = { username: null, password: null };

describe('A Redis URL', () => {
  it('may name the node itself', () => {
    expect(parseRedisUrl('redis://cache')).toEqual({
      by: 'address',
      endpoints: [{ host: 'cache', port: 6379 }],
      tls: false,
      masterName: '',
      sentinel: { ...NOBODY, tls: false },
      ...NOBODY,
    });
    expect(parseRedisUrl('rediss://ann:p%40ss@cache:7000/2?family=6')).toMatchObject({
      endpoints: [{ host: 'cache', port: 7000 }],
      tls: true,
      username: 'ann',
      password: 'p@ss',
    });
  });

  it('may not have parameters that would replace the options of the connection', () => {
    for (const name of ['autoResendUnfulfilledCommands', 'enableOfflineQueue', 'maxRetriesPerRequest', 'keyPrefix'])
      expect(parseRedisUrl(`redis://cache?family=6&${name}=true`)).toBeNull();
  });

  it('may name Sentinels, and the master that they monitor', () => {
    expect(parseRedisUrl('redis+sentinel://one,two:26380,[::1]:5/bank-1')).toEqual({
      by: 'sentinel',
      endpoints: [
        { host: 'one', port: 26_379 },
        { host: 'two', port: 26_380 },
        { host: '::1', port: 5 },
      ],
      tls: false,
      masterName: 'bank-1',
      sentinel: { ...NOBODY, tls: false },
      ...NOBODY,
    });
  });

  it('may have credentials for the Sentinels that differ from those for the master', () => {
    const url = 'rediss+sentinel://ann:one@s/m?sentinelUsername=watch&sentinelPassword=t%26o';
    expect(parseRedisUrl(url)).toMatchObject({
      tls: true,
      username: 'ann',
      password: 'one',
      sentinel: { username: 'watch', password: 't&o', tls: true },
    });
    expect(parseRedisUrl(`${url}&sentinelTls=false`)).toMatchObject({ tls: true, sentinel: { tls: false } });
    expect(parseRedisUrl('redis+sentinel://:only-a-password@s/m')).toMatchObject({
      username: null,
      password: 'only-a-password',
      sentinel: NOBODY,
    });
  });

  it('may name nodes of a cluster', () => {
    expect(parseRedisUrl('rediss+cluster://ann:p@a:7000,b')).toEqual({
      by: 'cluster',
      endpoints: [
        { host: 'a', port: 7000 },
        { host: 'b', port: 6379 },
      ],
      tls: true,
      masterName: '',
      sentinel: { ...NOBODY, tls: true },
      username: 'ann',
      password: 'p',
    });
  });

  it.each([
    '',
    'cache:6379',
    'http://cache',
    'redis://',
    'redis://one,two/0',
    'redis+proxy://cache',
    'redis+sentinel://one,two',
    'redis+sentinel://one,two/',
    'redis+sentinel:///master',
    'redis+sentinel://one,,two/master',
    'redis+sentinel://one/master/0',
    'redis+sentinel://one:0/master',
    'redis+sentinel://one:65536/master',
    'redis+sentinel://one/master?sentinelpassword=typo',
    'redis+sentinel://one/master?sentinelTls=maybe',
    'redis+sentinel://ann:%zz@one/master',
    'redis+sentinel://a@b@one/master',
    'redis+cluster://',
    'redis+cluster://one/0',
    'redis+cluster://one?x=1',
    'redis+cluster://one two',
  ])('cannot be %j', (text) => {
    expect(parseRedisUrl(text)).toBeNull();
  });
});

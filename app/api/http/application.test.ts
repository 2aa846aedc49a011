import { describe, expect, it } from 'vitest';
import { requestTarget } from './application.ts';

describe('a request target', () => {
  it.each([
    ['/v1/accounts/a', '/v1/accounts/a', ''],
    ['/v1/accounts/a?x=1?y', '/v1/accounts/a', 'x=1?y'],
    ['/?', '/', ''],
    ['http://host:80/v1/transfers?x', '/v1/transfers', 'x'],
    ['HTTPS://user@host/v1/transfers', '/v1/transfers', ''],
    ['http://host', '/', ''],
    ['http://host?x', '/', 'x'],
    ['*', '*', ''],
    ['//host/v1/transfers', '//host/v1/transfers', ''],
    ['/v1/ops/../transfers', '/v1/ops/../transfers', ''],
    ['/http://host/v1', '/http://host/v1', ''],
    ['', '/', ''],
  ])('%s has the path %s and the query "%s"', (url, path, query) => {
    expect(requestTarget(url)).toEqual({ path, query });
  });
});

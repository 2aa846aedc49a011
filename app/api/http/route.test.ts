import { describe, expect, it } from 'vitest';
import { type Method, type Route, RouteTable } from './route.ts';

function fakeRoute(method: Method, path: `/${string}`): Route {
  const handle = () => ({ status: 200 });
  return { method, path, scopes: [], tag: '', summary: '', answers: {}, problems: [], handle };
}

const table = new RouteTable([
  fakeRoute('POST', '/things'),
  fakeRoute('POST', '/things/batch'),
  fakeRoute('GET', '/things/{id}'),
  fakeRoute('PATCH', '/things/{id}'),
  fakeRoute('GET', '/things/{id}/parts/{part}'),
]);

function matched(method: string, path: string) {
  const match = table.match(method, path);
  return 'allow' in match ? match.allow : [match.route.path, match.params];
}

describe('RouteTable', () => {
  it('finds fixed paths and paths with parameters', () => {
    expect(matched('POST', '/things')).toEqual(['/things', {}]);
    expect(matched('GET', '/things/a:1')).toEqual(['/things/{id}', { id: 'a:1' }]);
    expect(matched('GET', '/things/a/parts/b')).toEqual(['/things/{id}/parts/{part}', { id: 'a', part: 'b' }]);
  });
  it('answers HEAD as GET', () => {
    expect(matched('HEAD', '/things/a')).toEqual(['/things/{id}', { id: 'a' }]);
  });
  it('allows an id that equals a fixed path of another method', () => {
    expect(matched('POST', '/things/batch')).toEqual(['/things/batch', {}]);
    expect(matched('GET', '/things/batch')).toEqual(['/things/{id}', { id: 'batch' }]);
  });
  it('decodes parameters, and leaves undecodable ones unchanged', () => {
    expect(matched('GET', '/things/a%3A1')).toEqual(['/things/{id}', { id: 'a:1' }]);
    expect(matched('GET', '/things/a%2Fparts%2Fb')).toEqual(['/things/{id}', { id: 'a/parts/b' }]);
    expect(matched('GET', '/things/%E0%A4%A')).toEqual(['/things/{id}', { id: '%E0%A4%A' }]);
  });
  it('lists the methods that a path supports', () => {
    expect(matched('DELETE', '/things/a')).toEqual(['HEAD', 'GET', 'PATCH']);
    expect(matched('GET', '/things')).toEqual(['POST']);
  });
  it('finds no other paths', () => {
    for (const path of [
      '/',
      '',
      '/other',
      '/things/',
      '/things//parts/b',
      '/things/a/',
      `/things${'/a'.repeat(10_000)}`,
    ]) {
      expect(matched('GET', path === '/things' ? '' : path)).toEqual([]);
    }
  });
});

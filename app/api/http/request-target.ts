/** The two parts of a request target that routing needs. */
export interface RequestTarget {
  path: string;
  /** Without the question mark; empty when there is none. */
  query: string;
}

const SCHEME = /^https?:\/\/[^/?]*/i;

/**
 * Splits a request target. The absolute form (`GET http://host/path`), which proxies send and every server must accept
 * (RFC 9112, section 3.2.2), is treated like the path alone. Everything else is taken literally, so that each path has
 * exactly one spelling.
 */
export function requestTarget(url: string): RequestTarget {
  const target = url.startsWith('/') ? url : url.replace(SCHEME, '') || '/';
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  return { path: path === '' ? '/' : path, query: mark === -1 ? '' : target.slice(mark + 1) };
}

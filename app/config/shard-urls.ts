const MYSQL_PORT = 3306;

/** The URLs in a text, separated by whitespace. Whitespace inside a URL does not split it. */
export function splitUrls(text: string): string[] {
  return text.split(/\s+(?=[a-z][a-z+]*:\/\/)/);
}

export function urlOfShard(url: string, shard: number): string {
  return url.replaceAll('{shard}', String(shard));
}

/** The URL of one shard. */
export function urlFor(text: string, shard: number): string {
  const urls = splitUrls(text);
  return urlOfShard((urls.length === 1 ? urls[0] : urls[shard]) ?? '', shard);
}

/** Whether there is one URL for all shards, or one for each. */
export function isForShards(text: string, shards: number): boolean {
  return [1, shards].includes(splitUrls(text).length);
}

/** Whether every shard has a different database. */
export function hasOwnDatabases(text: string, shards: number): boolean {
  const databases = Array.from({ length: shards }, (_, shard) => {
    const { hostname, port, pathname } = new URL(urlFor(text, shard));
    return `${hostname.toLowerCase()}:${Number(port) || MYSQL_PORT}${pathname}`;
  });
  return new Set(databases).size === shards;
}

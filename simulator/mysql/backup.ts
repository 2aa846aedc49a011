import type { Tables } from './tables.ts';

/** Copies the contents of MySQL. @returns a function that replaces the contents of MySQL with the copy */
export function backupOf(tables: Tables): () => void {
  const maps = Object.values(tables).filter((table): table is Map<unknown, unknown> => table instanceof Map);
  const copies = maps.map((map) => ({ map, copy: copyOf(map) }));
  const { authority, cursor, calendar, recovery, expiryLease } = tables;
  const [log, dropped] = [[...tables.log], [...tables.dropped]];
  return () => {
    for (const { map, copy } of copies) {
      map.clear();
      for (const [key, row] of copyOf(copy)) map.set(key, row);
    }
    Object.assign(tables, { authority, cursor, calendar, recovery, expiryLease });
    tables.log.splice(0, tables.log.length, ...log);
    tables.dropped.splice(0, tables.dropped.length, ...dropped);
  };
}

/** Copies nested maps, too, because a table may be a map of maps. Rows are shared: they are never changed in place. */
const copyOf = (map: ReadonlyMap<unknown, unknown>): Map<unknown, unknown> =>
  new Map([...map].map(([key, row]) => [key, row instanceof Map ? copyOf(row) : row]));

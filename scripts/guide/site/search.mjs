/** How the guide is searched; the same when the index is built and when it is used. */
/** @type {import('minisearch').Options<any>} */
export const SEARCH = {
  fields: ['title', 'page', 'content'],
  storeFields: ['title', 'page'],
  searchOptions: { boost: { title: 4, page: 2 }, prefix: true, fuzzy: 0.15, combineWith: 'AND' },
};

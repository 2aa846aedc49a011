/** The options of the guide's search. The index must be built and used with the same options. */
/** @type {import('minisearch').Options<any>} */
export const SEARCH = {
  fields: ['title', 'page', 'content'],
  storeFields: ['title', 'page'],
  searchOptions: { boost: { title: 4, page: 2 }, prefix: true, fuzzy: 0.15, combineWith: 'AND' },
};

// Files out of a drop, which may be folders.

/** @typedef {import("./files.js").Given} Given */

/**
 * All files of a drop. It has to be asked while the drop is handled: its items are gone afterwards.
 * @param {DataTransfer} transfer
 * @returns {Promise<Given[]>}
 */
export async function filesOfDrop(transfer) {
  const entries = Array.from(transfer.items, (item) => (item.kind === "file" ? item.webkitGetAsEntry?.() : null));
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  return (await Promise.all(entries.map((entry) => (entry ? filesOfEntry(entry) : [])))).flat();
}

/** @param {FileSystemEntry} entry @returns {Promise<Given[]>} */
async function filesOfEntry(entry) {
  if (entry.isFile) {
    const found = await new Promise((done, fail) => /** @type {FileSystemFileEntry} */ (entry).file(done, fail));
    return [Object.assign(/** @type {Given} */ (found), { _webkitRelativePath: entry.fullPath.replace(/^\//, "") })];
  }
  const reader = /** @type {FileSystemDirectoryEntry} */ (entry).createReader();
  /** @type {FileSystemEntry[]} */ const inside = [];
  for (;;) {
    /** @type {FileSystemEntry[]} */ const some = await new Promise((done, fail) => reader.readEntries(done, fail));
    if (!some.length) break; // a reader gives about a hundred at a time
    inside.push(...some);
  }
  return (await Promise.all(inside.map(filesOfEntry))).flat();
}

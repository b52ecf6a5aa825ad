// Stands before a store in which an object is replaced between two reads: the first answer is of what was there before.
let isFirst = true;
export default {
  fetch(request, { DISK }) {
    const url = new URL(request.url);
    if (isFirst && url.pathname.startsWith("/objects/")) url.pathname = url.pathname.replace("/objects/", "/before/");
    isFirst = false;
    return DISK.fetch(new Request(url, request));
  },
};

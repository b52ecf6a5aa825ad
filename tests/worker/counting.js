// Stands before a store, and tells its log of every read.
export default {
  fetch(request, { DISK }) {
    console.log(`${request.method} ${new URL(request.url).pathname} ${request.headers.get("range")}`);
    return DISK.fetch(request);
  },
};

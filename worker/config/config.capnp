# workerd serve config.capnp
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "pcpu", worker = .pcpu),
    @STORE_SERVICE@
  ],
  # Else V8 lets a hundred MB of what streams leave lie before it first collects, and keeps 48 MB for what is young.
  v8Flags = ["--initial-old-space-size=4", "--max-semi-space-size=1"],
  sockets = [(name = "http", address = "127.0.0.1:@PORT@", http = (), service = "pcpu")],
);

const pcpu :Workerd.Worker = (
  compatibilityDate = "2026-10-20",
  modules = [
    (name = "index.js", esModule = embed "index.js"),
    (name = "programs.js", esModule = embed "programs.js"),
    (name = "openapi.json", text = embed "openapi.json"),
    (name = "module.txt", text = embed "module.txt"),
    (name = "pcpu_ops.wasm", wasm = embed "pcpu_ops.wasm"),
    @MODULES@
  ],
  bindings = [
    (name = "MAX_JSON_BYTES", text = "@MAX_JSON_BYTES@"),
    (name = "MAX_STREAM_BYTES", text = "@MAX_STREAM_BYTES@"),
    (name = "MAX_BODY_BYTES", text = "@MAX_BODY_BYTES@"),
    (name = "MAX_PLAN_BYTES", text = "@MAX_PLAN_BYTES@"),
    (name = "MAX_DECODER_BYTES", text = "@MAX_DECODER_BYTES@"),
    @STORE_BINDINGS@
  ],
);

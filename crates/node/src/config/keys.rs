//! The one table of configuration keys. The reader refuses what is not in it, and the reference
//! pages `docs/{en,zh}/configuration.md` are printed from it (`heqi node config-reference`).

use std::fmt::Write;

/// One key of the configuration file.
#[derive(Clone, Copy, Debug)]
pub struct ConfigKey {
    /// Full path, sections joined by dots.
    pub path: &'static str,
    /// Default as written in the file; "required" where there is none.
    pub default: &'static str,
    /// Type or unit, with the allowed range.
    pub unit: &'static str,
    /// First release that knows the key.
    pub since: &'static str,
    /// What makes a change take effect.
    pub effect: Effect,
    /// What it does, English.
    pub english: &'static str,
    /// What it does, Chinese.
    pub chinese: &'static str,
}

/// What makes a change of a key take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The next start of the node.
    Restart,
}

/// Language of the reference page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceLanguage {
    /// English.
    English,
    /// Chinese.
    Chinese,
}

const fn key(
    path: &'static str,
    default: &'static str,
    unit: &'static str,
    english: &'static str,
    chinese: &'static str,
) -> ConfigKey {
    ConfigKey { path, default, unit, since: "0.1", effect: Effect::Restart, english, chinese }
}

/// Every key, in the order of the reference page.
pub const CONFIG_KEYS: &[ConfigKey] = &[
    key(
        "organisation",
        "required",
        "text, 1 to 128 bytes",
        "Name of the organisation that runs the node; shown in logs, metrics and health.",
        "运行本节点的机构名称；显示在日志、指标和健康检查中。",
    ),
    key(
        "data_dir",
        "\"data\"",
        "path, relative to this file's folder",
        "Folder of everything that the node stores. One process at a time, one network for ever.",
        "节点全部数据所在的文件夹。同一时间只能由一个进程使用，且只属于一个联盟。",
    ),
    key(
        "genesis_file",
        "\"genesis.json\"",
        "path, relative to this file's folder",
        "The network's genesis file, the same on all nodes.",
        "联盟的创世文件，所有节点必须一致。",
    ),
    key(
        "node_key_file",
        "\"node-key.pem\"",
        "path, relative to this file's folder",
        "The node's Ed25519 key (PKCS#8 PEM, mode 0600): its identity in network and consensus.",
        "节点的 Ed25519 密钥（PKCS#8 PEM，权限 0600）：网络和共识中的身份。",
    ),
    key(
        "history_blocks",
        "10000",
        "blocks, 1 to 1000000000, or \"archive\"",
        "How many blocks back old state can be queried; \"archive\" keeps all. A smaller number drops old state, a larger one cannot bring it back.",
        "可查询多少个区块之前的历史状态；\"archive\" 表示全部保留。调小会丢弃旧状态，调大不能找回。",
    ),
    key(
        "retained_blocks",
        "\"all\"",
        "blocks, 1000 to 1000000000, or \"all\"",
        "How many blocks keep transactions, receipts and logs; older ones are deleted while the node runs. Headers, certificates and validator sets stay for ever. A number also bounds what a peer that is behind can fetch from this node; one that is further behind fetches the state.",
        "保留多少个区块的交易、收据和日志；更早的在节点运行中删除。区块头、证书和验证者集合永久保留。设为数字时，落后的节点能从本节点获取的区块也受此限制；更落后的节点获取状态。",
    ),
    key(
        "join",
        "\"auto\"",
        "\"auto\", \"replay\" or \"state-sync\"",
        "How a node with an empty data folder comes to the present: by fetching the state of a recent block (\"state-sync\"), by executing every block (\"replay\", needs a peer that keeps all of them), or by what the distance asks for (\"auto\": state sync from 200 blocks or an epoch on). A folder that is not empty ignores it.",
        "数据文件夹为空的节点如何追上当前区块：获取某个近期区块的状态（\"state-sync\"）；逐块执行（\"replay\"，需要有节点保留全部区块）；或按差距自动选择（\"auto\"：落后 200 个区块或一个纪元起使用状态同步）。文件夹不为空时忽略此项。",
    ),
    key(
        "p2p.listen",
        "\"127.0.0.1:30545\"",
        "address with port",
        "Address that other nodes connect to.",
        "供其他节点连接的地址。",
    ),
    key(
        "p2p.peers.organisation",
        "required",
        "text",
        "Per entry of [[p2p.peers]] (at most 128): the peer's organisation.",
        "[[p2p.peers]] 的每一项（最多 128 项）：对方机构名称。",
    ),
    key(
        "p2p.peers.key",
        "required",
        "Ed25519 key, 32 bytes hex",
        "The peer's public key (`heqi keys show` prints it).",
        "对方节点的公钥（用 `heqi keys show` 显示）。",
    ),
    key(
        "p2p.peers.address",
        "required",
        "address or host name, with port",
        "Where the peer listens.",
        "对方节点的监听地址。",
    ),
    key(
        "rpc.listen",
        "\"127.0.0.1:8545\"",
        "address with port",
        "The one port for JSON-RPC, WebSocket, /livez, /readyz and /metrics. Loopback unless you decide otherwise.",
        "JSON-RPC、WebSocket、/livez、/readyz、/metrics 共用的端口。默认只监听本机。",
    ),
    key(
        "rpc.allowed_hosts",
        "[]",
        "list of host names, \"*\" for any",
        "Host names, besides loopback names and IP addresses, under which the node may be called; protects browsers against DNS rebinding.",
        "除本机名称和 IP 地址外，允许用来访问节点的主机名；防止浏览器受到 DNS 重绑定攻击。",
    ),
    key(
        "rpc.cors_origins",
        "[]",
        "list of origins, \"*\" for any",
        "Web pages of these origins may call the node from a browser.",
        "允许从浏览器调用本节点的网页来源。",
    ),
    key(
        "rpc.connections_max",
        "2048",
        "connections, 1 to 65536",
        "Connections at one time. When all are taken, the one that was not answered for the longest time is closed for a new one; where all were answered just now, the new one is closed.",
        "同时连接数上限。占满时，关闭最久没有得到应答的连接让给新连接；若都刚得到应答，则关闭新连接。",
    ),
    key(
        "rpc.requests_max",
        "1024",
        "requests, 1 to 65536",
        "HTTP requests answered at one time; further ones get 429.",
        "同时处理的 HTTP 请求数上限；超出的请求得到 429。",
    ),
    key(
        "rpc.websockets_max",
        "512",
        "connections, 0 to 65536",
        "WebSocket connections at one time; further ones get 429.",
        "同时打开的 WebSocket 连接数上限；超出的得到 429。",
    ),
    key(
        "rpc.caller_weight_per_second",
        "0",
        "weight per second, 0 to 1000000",
        "Sum of the weights of methods (json-rpc.md) that one address may use per second; the weight of ten seconds may come at once, further requests get 429 with Retry-After. 0 is no limit. Callers behind one proxy share its address.",
        "一个地址每秒可用的方法权重之和（见 json-rpc.md）；可一次用完十秒的份额，超出的请求得到 429 与 Retry-After。0 表示不限。同一代理后的调用者共用代理的地址。",
    ),
    key(
        "rpc.simulations_max",
        "4",
        "simulations, 1 to 256",
        "Simulations (eth_call, eth_estimateGas) and log searches that compute at one time.",
        "同时计算的模拟执行（eth_call、eth_estimateGas）和日志查询数上限。",
    ),
    key(
        "rpc.call_gas_max",
        "60000000",
        "gas, 100000 to 10000000000",
        "Gas that one eth_call may use.",
        "一次 eth_call 可用的 gas 上限。",
    ),
    key(
        "rpc.logs_blocks_max",
        "100000",
        "blocks, 1 to 1000000000",
        "Blocks that one eth_getLogs may span.",
        "一次 eth_getLogs 可跨越的区块数上限。",
    ),
    key(
        "rpc.logs_results_max",
        "20000",
        "logs, 1 to 1000000",
        "Logs that one eth_getLogs may return.",
        "一次 eth_getLogs 可返回的日志数上限。",
    ),
    key(
        "rpc.request_timeout_ms",
        "30000",
        "milliseconds, 100 to 600000",
        "Time for one request, batches included.",
        "一次请求（含批量请求）的时间上限。",
    ),
    key(
        "pool.transactions_max",
        "100000",
        "transactions, 1000 to 1000000",
        "Transactions that wait in all.",
        "等待中的交易总数上限。",
    ),
    key(
        "pool.bytes_max",
        "268435456",
        "bytes, 1048576 to 4294967296",
        "Their encoded size in all.",
        "等待中的交易编码后的总长度上限。",
    ),
    key(
        "pool.lane_transactions_max",
        "4096",
        "transactions, 16 to 100000",
        "Executable transactions that wait from one sender.",
        "同一发送方等待中的可执行交易数上限。",
    ),
    key(
        "pool.nonce_gap_max",
        "1024",
        "nonces, 0 to 100000",
        "How far ahead of its sender's next nonce a transaction may be.",
        "交易 nonce 可以超前发送方下一个 nonce 的距离上限。",
    ),
    key(
        "runtime.consensus_threads",
        "0",
        "threads, 0 to 256",
        "Threads for consensus, network and storage; 0 means one per processor, at least 2.",
        "共识、网络和存储使用的线程数；0 表示每个处理器一个，至少 2 个。",
    ),
    key(
        "runtime.rpc_threads",
        "0",
        "threads, 0 to 256",
        "Threads for requests, apart from those of consensus; 0 means one per processor, at least 2.",
        "处理请求的线程数，与共识线程分开；0 表示每个处理器一个，至少 2 个。",
    ),
    key(
        "runtime.worker_threads",
        "0",
        "threads, 0 to 256",
        "Threads that execute transactions, hash and check signatures; 0 means one per processor, at least 2.",
        "执行交易、计算哈希和验证签名的线程数；0 表示每个处理器一个，至少 2 个。",
    ),
    key(
        "runtime.cache_bytes",
        "33554432",
        "bytes, 4194304 to 68719476736",
        "Page cache of the ledger's stores.",
        "账本存储的页缓存。",
    ),
    key(
        "storage.disk_warning_bytes",
        "4294967296",
        "bytes, 67108864 to 1099511627776",
        "Free space below which logs, /readyz?verbose and metrics warn. At least twice the reserve; a week's growth is a good value.",
        "可用空间低于此值时，日志、/readyz?verbose 和指标发出警告。至少为预留空间的两倍；建议设为一周的增长量。",
    ),
    key(
        "storage.disk_reserve_bytes",
        "134217728",
        "bytes, 33554432 to 549755813888",
        "Free space below which a running node stops in good order (exit code 5). A node starts only with 64 MiB more.",
        "可用空间低于此值时，运行中的节点正常停止（退出码 5）。启动时需要再多 64 MiB。",
    ),
    key(
        "log.format",
        "\"auto\"",
        "\"auto\", \"pretty\" or \"json\"",
        "Logs on standard error: text or JSON lines; auto is text on a terminal.",
        "输出到标准错误的日志：文本或 JSON 行；auto 在终端上用文本。",
    ),
    key(
        "log.level",
        "\"info\"",
        "filter, for example \"info,consensus=debug\"",
        "What is logged; the environment variable HEQI_LOG wins over it.",
        "日志级别；环境变量 HEQI_LOG 优先。",
    ),
    key(
        "verification.solc",
        "[]",
        "list of paths, at most 64, relative to this file's folder",
        "Solidity compilers (solc) that verify contracts, one per version. Each runs as a child process with limits of time and memory. Without one, sources can be declared but not verified.",
        "用于验证合约的 Solidity 编译器（solc），每个版本一个。每次以受时间和内存限制的子进程运行。没有编译器时，源代码只能声明，不能验证。",
    ),
];

/// The reference page as Markdown.
pub fn reference(language: ReferenceLanguage) -> String {
    let english = language == ReferenceLanguage::English;
    let mut page = String::from(if english { ENGLISH_HEAD } else { CHINESE_HEAD });
    for known in CONFIG_KEYS {
        let effect = match (known.effect, english) {
            (Effect::Restart, true) => "restart",
            (Effect::Restart, false) => "重启",
        };
        let default = match (known.default, english) {
            ("required", true) => "*required*".into(),
            ("required", false) => "*必填*".into(),
            (default, _) => format!("`{default}`"),
        };
        let text = if english { known.english } else { known.chinese };
        // Writing to a string cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | {default} | {} | {} | {effect} | {text} |",
            known.path, known.unit, known.since
        );
    }
    page.push_str(if english { ENGLISH_EXAMPLE } else { CHINESE_EXAMPLE });
    page.push_str(EXAMPLE);
    page
}

const ENGLISH_HEAD: &str = "# Configuration of a node

`heqi node run --config FILE` reads one TOML file. Every key is in this table; an unknown key is an
error that names the nearest match. This page is printed by `heqi node config-reference --lang en`.

| Key | Default | Type, unit, range | Since | Takes effect | Meaning |
| --- | --- | --- | --- | --- | --- |
";

const CHINESE_HEAD: &str = "# 节点配置

`heqi node run --config FILE` 读取一个 TOML 文件。下表列出全部配置项；未知的配置项会报错，并给出最接近的名称。
本页由 `heqi node config-reference --lang zh` 生成。

| 配置项 | 默认值 | 类型、单位、范围 | 起始版本 | 生效方式 | 含义 |
| --- | --- | --- | --- | --- | --- |
";

const ENGLISH_EXAMPLE: &str = "\n## Example\n\n";
const CHINESE_EXAMPLE: &str = "\n## 示例\n\n";

const EXAMPLE: &str = r#"```toml
organisation = "Bank A"
data_dir = "data"
genesis_file = "genesis.json"
node_key_file = "node-key.pem"
history_blocks = 10000

[p2p]
listen = "0.0.0.0:30545"

[[p2p.peers]]
organisation = "Supplier B"
key = "0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
address = "node.supplier-b.example:30545"

[rpc]
listen = "127.0.0.1:8545"

[log]
format = "json"
level = "info"
```
"#;

//! What the pages say about each method, in both languages: names, English, Chinese.

/// Methods that stand together have one note.
pub const NOTES: &[(&str, &str, &str)] = &[
    (
        "eth_chainId net_version",
        "the same number, in hex and in decimal",
        "同一数字，十六进制和十进制",
    ),
    ("web3_clientVersion", "`heqi/v0.1.0/rust`", "`heqi/v0.1.0/rust`"),
    ("web3_sha3", "keccak256", "keccak256"),
    ("rpc_modules", "the name spaces of this table", "本表中的命名空间"),
    ("net_listening net_peerCount", "", ""),
    ("eth_protocolVersion", "fixed: `0x44`", "固定为 `0x44`"),
    (
        "eth_syncing",
        "false, or how far this node's stores are behind",
        "false，或本节点存储落后多少",
    ),
    ("eth_mining eth_hashrate", "fixed: `false`, `0x0`", "固定为 `false`、`0x0`"),
    ("eth_coinbase", "the ledger's fee recipient", "账本的费用接收账户"),
    (
        "eth_accounts",
        "`[]`: nodes hold no keys of users; development ledgers name theirs",
        "`[]`：节点不保管用户密钥；开发账本列出自己的账户",
    ),
    (
        "eth_config",
        "EIP-7910; configurations begin at heights (`activationBlock`)",
        "EIP-7910；配置按高度生效（`activationBlock`）",
    ),
    (
        "eth_capabilities",
        "the oldest block of which this node has bodies, receipts, logs, state",
        "本节点各类数据（区块体、收据、日志、状态）最早可用的区块",
    ),
    ("eth_blockNumber", "newest final block", "最新的最终确认区块"),
    (
        "eth_getBlockByNumber eth_getBlockByHash eth_getBlockTransactionCountByNumber eth_getBlockTransactionCountByHash",
        "",
        "",
    ),
    (
        "eth_getUncleCountByBlockNumber eth_getUncleCountByBlockHash",
        "`0x0`, null for an unknown block",
        "`0x0`，区块未知时为 null",
    ),
    ("eth_getUncleByBlockNumberAndIndex eth_getUncleByBlockHashAndIndex", "null", "null"),
    ("eth_getBlockReceipts", "number, tag or hash", "高度、标签或哈希"),
    ("eth_getHeaderByNumber eth_getHeaderByHash", "", ""),
    (
        "eth_getTransactionByHash eth_getRawTransactionByHash",
        "final, or in this node's pool",
        "已最终确认，或在本节点交易池中",
    ),
    (
        "eth_getTransactionByBlockNumberAndIndex eth_getTransactionByBlockHashAndIndex eth_getRawTransactionByBlockNumberAndIndex eth_getRawTransactionByBlockHashAndIndex",
        "",
        "",
    ),
    ("eth_getTransactionReceipt", "null until final", "最终确认之前为 null"),
    ("eth_sendRawTransaction", "", ""),
    (
        "eth_sendRawTransactionSync",
        "EIP-7966: answers the receipt; second parameter: milliseconds to wait (default 2,000, at most 20,000)",
        "EIP-7966：直接返回收据；第二个参数为等待毫秒数（默认 2,000，最多 20,000）",
    ),
    ("eth_getBalance eth_getCode eth_getStorageAt eth_getTransactionCount", "", ""),
    ("eth_getAccountInfo", "`{balance, nonce, code}`", "`{balance, nonce, code}`"),
    (
        "eth_getStorageValues",
        "`{address: [slot, …]}`, at most 1,024 slots",
        "`{地址: [槽, …]}`，最多 1,024 个槽",
    ),
    (
        "eth_getProof",
        "where the state is a Merkle Patricia trie (development ledgers can have one), at most 1,024 slots; else -32004: use `heqi_getStateProof`",
        "仅当状态是默克尔帕特里夏树时可用（开发账本可以选用），最多 1,024 个槽；否则为 -32004：请用 `heqi_getStateProof`",
    ),
    (
        "eth_call",
        "block, state overrides, block overrides as 2nd to 4th parameter",
        "第 2 到 4 个参数为区块、状态覆盖、区块覆盖",
    ),
    ("eth_estimateGas", "as `eth_call`", "同 `eth_call`"),
    (
        "eth_fillTransaction",
        "nonce, gas and fees filled in: `{raw, tx}`",
        "填好 nonce、gas 和费用：`{raw, tx}`",
    ),
    (
        "eth_createAccessList",
        "parameters as `eth_call`; repeated until the list settles",
        "参数同 `eth_call`；重复执行直到列表不再变化",
    ),
    (
        "eth_simulateV1",
        "blocks with calls on top of a block; section 9",
        "在某区块之上模拟含调用的区块；第 9 节",
    ),
    ("eth_gasPrice eth_maxPriorityFeePerGas", "section 3", "第 3 节"),
    (
        "eth_feeHistory",
        "at most 1,024 blocks and 100 percentiles",
        "最多 1,024 个区块、100 个百分位",
    ),
    (
        "eth_baseFee eth_blobBaseFee",
        "of the next block; `eth_blobBaseFee` is `0x1`",
        "下一区块的；`eth_blobBaseFee` 为 `0x1`",
    ),
    ("eth_getLogs", "", ""),
    ("eth_newFilter eth_newBlockFilter eth_newPendingTransactionFilter", "", ""),
    ("eth_getFilterChanges eth_getFilterLogs eth_uninstallFilter", "", ""),
    ("eth_subscribe eth_unsubscribe", "WebSocket only", "仅 WebSocket"),
    ("txpool_status", "this node's pool", "本节点的交易池"),
    (
        "txpool_content txpool_inspect",
        "by sender and nonce; the oldest 4,096 transactions",
        "按发送者和 nonce 排列；最早的 4,096 笔",
    ),
    ("txpool_contentFrom", "transactions of one sender", "某个发送者的交易"),
    (
        "debug_traceTransaction debug_traceBlockByNumber debug_traceBlockByHash",
        "geth's tracers, section 8",
        "geth 的跟踪器，第 8 节",
    ),
    (
        "debug_traceCall",
        "call, block, options with `stateOverrides`, `blockOverrides`, `txIndex`",
        "调用、区块、选项（含 `stateOverrides`、`blockOverrides`、`txIndex`）",
    ),
    (
        "debug_getRawHeader debug_getRawBlock debug_getRawReceipts",
        "RLP and EIP-2718, as Ethereum has them",
        "以太坊的 RLP 与 EIP-2718 编码",
    ),
    (
        "debug_getRawTransaction",
        "as `eth_getRawTransactionByHash`",
        "同 `eth_getRawTransactionByHash`",
    ),
    (
        "debug_storageRangeAt",
        "block, transaction index, account, key hash to begin at, at most so many (4,096). -32004 \
         where old values from before the account's changes were dropped: an archive node has all",
        "区块、交易序号、账户、起始键哈希、最多条数（4,096）。若账户变更之前的旧值已被丢弃则为 -32004：\
         归档节点保留全部",
    ),
    (
        "trace_block trace_transaction trace_get",
        "Parity's frames; no block rewards",
        "Parity 格式的调用帧；没有出块奖励",
    ),
    (
        "trace_call",
        "call, types, block, state overrides, block overrides",
        "调用、类型、区块、状态覆盖、区块覆盖",
    ),
    (
        "trace_callMany",
        "`[[call, types], …]`, each on the state that the one before left; at most 100",
        "`[[调用, 类型], …]`，依次在前一个留下的状态上执行；最多 100 个",
    ),
    (
        "trace_rawTransaction",
        "a signed transaction as a call at the head; not sent",
        "把已签名的交易作为调用在最新区块上执行；不发送",
    ),
    (
        "trace_replayTransaction trace_replayBlockTransactions",
        "`trace`, `stateDiff`, `vmTrace`",
        "`trace`、`stateDiff`、`vmTrace`",
    ),
    (
        "trace_filter",
        "at most 100 blocks and 10,000 traces; `fromAddress` and `toAddress` must both match, with `mode` `union` one of them",
        "最多 100 个区块、10,000 条；`fromAddress` 与 `toAddress` 须同时匹配，`mode` 为 `union` 时其一即可",
    ),
    ("ots_getApiLevel", "8", "8"),
    ("ots_hasCode", "", ""),
    ("ots_getInternalOperations ots_getTransactionError ots_traceTransaction", "", ""),
    (
        "ots_getBlockDetails ots_getBlockDetailsByHash ots_getBlockTransactions",
        "at most 100 transactions per page",
        "每页最多 100 笔交易",
    ),
    (
        "ots_getTransactionBySenderAndNonce ots_getContractCreator",
        "found in old states: within the history window",
        "由历史状态查找：限于历史窗口",
    ),
    (
        "ots_searchTransactionsBefore ots_searchTransactionsAfter",
        "account, block, transactions per page (100). No index of addresses: blocks are run again until the page is full, within the history window and 25 seconds",
        "账户、区块、每页交易数（100）。没有按地址的索引：逐块重新执行直到页满，限于历史窗口和 25 秒之内",
    ),
    ("erigon_getHeaderByNumber", "as `eth_getHeaderByNumber`", "同 `eth_getHeaderByNumber`"),
    (
        "eth_sendTransaction eth_sendUnsignedTransaction eth_signTransaction eth_sign personal_sign eth_signTypedData_v4 eth_requestAccounts evm_mine hardhat_mine anvil_mine evm_setAutomine anvil_setAutoMine hardhat_getAutomine anvil_getAutomine evm_setIntervalMining anvil_setIntervalMining anvil_getIntervalMining evm_increaseTime anvil_increaseTime evm_setTime anvil_setTime evm_setNextBlockTimestamp anvil_setNextBlockTimestamp anvil_setBlockTimestampInterval anvil_removeBlockTimestampInterval evm_setBlockGasLimit anvil_setBlockGasLimit hardhat_setNextBlockBaseFeePerGas anvil_setNextBlockBaseFeePerGas hardhat_setCoinbase anvil_setCoinbase hardhat_setPrevRandao anvil_setPrevRandao hardhat_setBalance anvil_setBalance anvil_addBalance hardhat_setNonce anvil_setNonce evm_setAccountNonce hardhat_setCode anvil_setCode hardhat_setStorageAt anvil_setStorageAt evm_snapshot anvil_snapshot evm_revert anvil_revert hardhat_reset anvil_reset anvil_dumpState anvil_loadState hardhat_impersonateAccount anvil_impersonateAccount hardhat_stopImpersonatingAccount anvil_stopImpersonatingAccount anvil_autoImpersonateAccount hardhat_dropTransaction anvil_dropTransaction anvil_dropAllTransactions anvil_removePoolTransactions hardhat_setLoggingEnabled anvil_setLoggingEnabled hardhat_setMinGasPrice anvil_setMinGasPrice hardhat_metadata anvil_metadata anvil_nodeInfo",
        "on development ledgers only, [dev-mode.md](dev-mode.md)",
        "仅限开发账本，见 [dev-mode.md](dev-mode.md)",
    ),
    ("heqi_getFinalityProof heqi_getStateProof", "section 6", "第 6 节"),
    (
        "heqi_subscribe heqi_unsubscribe",
        "WebSocket only: `finality` sends the proof of section 6 for each new block",
        "仅 WebSocket：`finality` 为每个新区块推送第 6 节的证明",
    ),
    (
        "heqi_getValidators heqi_consensusState heqi_evidence heqi_getSnapshotPart",
        "section 6",
        "第 6 节",
    ),
];

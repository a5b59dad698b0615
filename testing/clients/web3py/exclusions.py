"""Module tests of web3.py that do not apply, each with the modes and the reason."""

ALL = ("free", "metered", "dev")
FREE = ("free", "dev")

KEYLESS = "nodes hold no keys of users, so they sign nothing"
CHAIN_ID = "it expects the chain id of geth's fixture"

ONE_LOG = "it expects the only log of geth's fixture chain"
PENDING = "`pending` is the latest block, which has a hash, as documented"
FINAL = "the transaction may be final before the client replaces it; `json-rpc` has the rules of replacement"
LOCAL_PRICE = "the client's own signing adds a gas price to a type 2 transaction, which its signer refuses"
VALUE = "it sends a value, which the account does not hold; it runs in metered mode"
PRICE = "it expects a price above 0; it runs in metered mode"
GAS_CAP = "its balance pays geth's cap of 50,000,000 gas, not the 60,000,000 of a block here"

EXCLUDED = {
    name: (modes, reason)
    for modes, reason, names in (
        (ALL, KEYLESS, """
            test_eth_sign test_eth_sign_ens_names test_eth_sign_typed_data test_invalid_eth_sign_typed_data
            test_eth_sign_transaction_legacy test_eth_sign_transaction test_eth_sign_transaction_hex_fees
            test_eth_sign_transaction_ens_names test_async_eth_sign test_async_eth_sign_ens_names
            test_async_eth_sign_transaction test_async_eth_sign_transaction_legacy
            test_async_eth_sign_transaction_hex_fees test_async_eth_sign_transaction_ens_names
        """),
        (ALL, CHAIN_ID, """
            test_eth_chain_id test_async_eth_chain_id test_eth_send_raw_transaction
            test_async_eth_send_raw_transaction test_asyncio_gather_for_multiple_requests_matches_the_responses
        """),
        (ALL, ONE_LOG, """
            test_eth_get_logs_without_logs test_eth_get_logs_with_logs test_eth_get_logs_with_logs_topic_args
            test_eth_get_logs_with_logs_none_topic_args test_async_eth_get_logs_without_logs
            test_async_eth_get_logs_with_logs test_async_eth_get_logs_with_logs_topic_args
            test_async_eth_get_logs_with_logs_none_topic_args
        """),
        (ALL, PENDING, """
            test_eth_getBlockByHash_pending test_eth_getBlockByNumber_pending
        """),
        (ALL, FINAL, """
            test_eth_modify_transaction_legacy test_eth_modify_transaction test_eth_replace_transaction_legacy
            test_eth_replace_transaction test_eth_replace_transaction_underpriced
            test_eth_replace_transaction_incorrect_nonce test_eth_replace_transaction_gas_price_too_low
            test_eth_replace_transaction_gas_price_defaulting_minimum
            test_eth_replace_transaction_gas_price_defaulting_strategy_higher
            test_eth_replace_transaction_gas_price_defaulting_strategy_lower
            test_async_eth_replace_transaction_legacy test_async_eth_replace_transaction
            test_async_eth_replace_transaction_underpriced test_async_eth_replace_transaction_incorrect_nonce
            test_async_eth_replace_transaction_gas_price_too_low
            test_async_eth_replace_transaction_gas_price_defaulting_minimum
            test_async_eth_replace_transaction_gas_price_defaulting_strategy_higher
            test_async_eth_replace_transaction_gas_price_defaulting_strategy_lower
            test_eth_wait_for_transaction_receipt_unmined test_async_eth_wait_for_transaction_receipt_unmined
            test_eth_get_transaction_receipt_unmined test_async_eth_get_transaction_receipt_unmined
        """),
        (ALL, LOCAL_PRICE, """
            test_gas_price_from_strategy_bypassed_for_dynamic_fee_txn
        """),
        (("metered",), GAS_CAP, """
            test_eth_simulate_v1
        """),
        (FREE, VALUE, """
            test_eth_send_transaction_legacy test_eth_send_transaction test_eth_send_transaction_with_nonce
            test_eth_send_transaction_default_fees test_eth_send_transaction_hex_fees
            test_eth_send_transaction_no_gas test_eth_send_transaction_no_max_fee
            test_gas_price_strategy_hex_value test_GasPriceStrategyMiddleware
            test_gas_price_strategy_middleware_hex_value test_eth_estimate_gas test_eth_estimate_gas_with_block
            test_eth_get_raw_transaction_by_block test_eth_replace_transaction_already_mined
            test_async_eth_replace_transaction_already_mined test_async_eth_subscribe_process_pending_tx_true
            test_async_eth_subscribe_and_process_pending_tx_false
            test_async_eth_subscribe_creates_and_handles_pending_tx_subscription_type
        """),
        (FREE, PRICE, """
            test_eth_gas_price test_eth_get_balance_with_block_identifier test_eth_get_transaction_receipt_mined
            test_eth_wait_for_transaction_receipt_mined test_async_eth_get_transaction_receipt_mined
            test_async_eth_wait_for_transaction_receipt_mined
        """),
    )
    for name in names.split()
}

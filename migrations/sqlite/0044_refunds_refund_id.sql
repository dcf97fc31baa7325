-- Refunds by WeChat's number, as the fund-flow bill names them.
CREATE INDEX refunds_refund_id ON refunds (refund_id);

/** Pages of an MR of the pool, at most. @kernel drivers/infiniband/core/rw.c: rdma_rw_fr_page_list_len */
export const RW_MR_PAGES_MAX = 256

/** @kernel include/rdma/ib_verbs.h: sizeof(struct ib_rdma_wr), 64-bit: an ib_send_wr of 40 bytes, address, key */
export const IB_RDMA_WR_BYTES = 56

/** @kernel include/rdma/rw.h: sizeof(struct rdma_rw_reg_ctx), 64-bit: ib_sge, ib_rdma_wr, ib_reg_wr, ib_send_wr, MR */
export const RW_REG_CTX_BYTES = 176

/** With the sg_table for bvecs: mainline. */
export const RW_REG_CTX_BVEC_BYTES = 192

/** Requests of a queue of an NVMe target, where the host asks for no other. @kernel drivers/nvme/host/fabrics.h: NVMF_DEF_QUEUE_SIZE */
export const TARGET_QUEUE_SIZE = 128

/** Pages of the largest transfer of an NVMe target: 1 MiB. @kernel drivers/nvme/target/rdma.c: 1 << NVMET_RDMA_MAX_MDTS */
export const TARGET_TRANSFER_PAGES = 256

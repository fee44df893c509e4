//! What the doctor knows: each finding with its severity, and what it says of it in both languages. `docs/errors/` says more.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Severity {
    /// It does not work, or not for long.
    Error,
    /// It works, and something will go wrong with it.
    Warning,
    /// Good to know.
    Note,
}

impl Severity {
    pub(super) fn words(self) -> [&'static str; 2] {
        match self {
            Severity::Error => ["error", "错误"],
            Severity::Warning => ["warning", "警告"],
            Severity::Note => ["note", "提示"],
        }
    }
}

/// Texts are in English and Chinese.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    pub(super) title: [&'static str; 2],
    pub(super) hint: [&'static str; 2],
}

const fn entry(
    code: &'static str,
    severity: Severity,
    title: [&'static str; 2],
    hint: [&'static str; 2],
) -> Entry {
    Entry { code, severity, title, hint }
}

use Severity::{Error, Note, Warning};

pub(super) const CATALOG: &[Entry] = &[
    entry(
        "TG-DR-001",
        Warning,
        ["fewer files may be open than connections are allowed", "可打开的文件数少于允许的连接数"],
        [
            "raise LimitNOFILE of the unit or the hard limit, or allow fewer connections",
            "调高 LimitNOFILE 或硬限制，或减少允许的连接数",
        ],
    ),
    entry(
        "TG-DR-002",
        Error,
        ["the clock has lost its time", "时钟丢失了时间"],
        [
            "set the clock, have it synchronised, and look at the battery of the clock",
            "校准时钟并启用对时，检查主板时钟电池",
        ],
    ),
    entry(
        "TG-DR-003",
        Warning,
        ["the hardware clock and the clock of the system differ", "硬件时钟与系统时钟不一致"],
        [
            "write the time back with `hwclock --systohc` once the clock is right",
            "时间正确后执行 `hwclock --systohc` 写回",
        ],
    ),
    entry(
        "TG-DR-004",
        Warning,
        ["the clock is behind the last record of the data folder", "时钟落后于数据目录的最后一条记录"],
        ["look at the clock and its synchronisation before the node starts", "启动节点前先检查时钟与对时"],
    ),
    entry(
        "TG-DR-005",
        Error,
        ["the kernel is older than what is supported", "内核版本低于支持范围"],
        ["take Linux 4.19 or newer", "使用 Linux 4.19 或更新版本"],
    ),
    entry(
        "TG-DR-006",
        Note,
        ["the kernel tells nothing of pressure (PSI)", "内核不提供压力信息（PSI）"],
        [
            "nothing has to be done; from Linux 4.20 on it can be switched on with `psi=1`",
            "无需处理；Linux 4.20 起可用 `psi=1` 开启",
        ],
    ),
    entry(
        "TG-DR-007",
        Warning,
        ["the control group allows little memory", "控制组的内存上限很小"],
        ["allow the group 256 MiB or more", "将该组内存上限调到 256 MiB 以上"],
    ),
    entry(
        "TG-DR-008",
        Warning,
        ["the control group allows less than one CPU", "控制组的 CPU 配额不足一核"],
        ["allow the group one CPU or more", "将 CPU 配额调到一核以上"],
    ),
    entry(
        "TG-DR-009",
        Warning,
        ["the disk under the data folder is nearly full", "数据目录所在磁盘空间不足"],
        ["make room, or lower queues.bytes_max", "清理空间，或调低 queues.bytes_max"],
    ),
    entry(
        "TG-DR-010",
        Warning,
        ["the file system is nearly out of inodes", "文件系统的 inode 即将耗尽"],
        [
            "remove files, or make the file system anew with more inodes",
            "删除文件，或以更多 inode 重建文件系统",
        ],
    ),
    entry(
        "TG-DR-011",
        Warning,
        ["the quota of the queues is larger than the disk", "队列配额大于磁盘"],
        ["set queues.bytes_max to what the disk can hold", "把 queues.bytes_max 设为磁盘能容纳的大小"],
    ),
    entry(
        "TG-DR-012",
        Error,
        ["the data folder is on a network file system", "数据目录位于网络文件系统"],
        ["put it on a disk of this machine", "放到本机磁盘上"],
    ),
    entry(
        "TG-DR-013",
        Warning,
        ["the disk takes long to flush", "磁盘刷写缓慢"],
        [
            "use a disk with a flash cache or power-loss protection; look whether others write to it",
            "换用带闪存或掉电保护的磁盘，检查是否有其他程序在写",
        ],
    ),
    entry(
        "TG-DR-014",
        Error,
        ["the configuration cannot be used", "配置无法使用"],
        ["tidegate config check FILE names every fault", "执行 tidegate config check 文件，列出全部错误"],
    ),
    entry(
        "TG-DR-015",
        Error,
        ["a port of the node is taken by another process", "节点的端口被其他进程占用"],
        ["stop what listens there, or choose another address", "停止占用者，或换一个地址"],
    ),
    entry(
        "TG-DR-016",
        Error,
        ["a certificate has run out", "证书已过期"],
        ["put a new one in its place and reload", "更换证书并重新加载"],
    ),
    entry(
        "TG-DR-017",
        Warning,
        ["a certificate ends within thirty days", "证书将在 30 天内到期"],
        [
            "have a new one made in time; that of `up --lan` is made anew at the next start",
            "及时更换；`up --lan` 的证书会在下次启动时自动更换",
        ],
    ),
    entry(
        "TG-DR-018",
        Warning,
        ["the data folder belongs to another user", "数据目录属于其他用户"],
        [
            "run this as the user of the node, or hand the folder over with chown",
            "以节点用户执行本命令，或用 chown 转移属主",
        ],
    ),
    entry(
        "TG-DR-019",
        Note,
        ["an end of the node delivers nothing first", "节点停止时不会先投递"],
        [
            "set node.drain_timeout to some seconds, unless that is meant",
            "若非有意，将 node.drain_timeout 设为几秒",
        ],
    ),
    entry(
        "TG-DR-020",
        Warning,
        ["every topic is telemetry", "所有主题都是遥测类"],
        ["name only topics whose readings are old once there is news", "只列出“有新值旧值即无用”的主题"],
    ),
    entry(
        "TG-DR-021",
        Warning,
        ["this user is root", "以 root 身份运行"],
        [
            "start the node as a user of its own; the unit in deploy/ does",
            "使用专门用户运行节点，deploy/ 中的单元文件已如此配置",
        ],
    ),
    entry(
        "TG-DR-022",
        Warning,
        ["core dumps are possible", "允许生成核心转储"],
        ["set LimitCORE=0", "设置 LimitCORE=0"],
    ),
    entry(
        "TG-DR-023",
        Warning,
        ["addresses are not randomised", "未启用地址随机化"],
        ["set kernel.randomize_va_space = 2", "设置 kernel.randomize_va_space = 2"],
    ),
    entry(
        "TG-DR-024",
        Warning,
        ["others may look into the data folder", "数据目录可被其他用户访问"],
        ["chmod 700 the data folder", "对数据目录执行 chmod 700"],
    ),
    entry(
        "TG-DR-025",
        Error,
        ["others may read the private key", "私钥可被其他用户读取"],
        ["chmod 600 the key, and have another certificate made", "对私钥执行 chmod 600，并更换证书"],
    ),
    entry(
        "TG-DR-026",
        Warning,
        ["others may read the configuration file", "配置文件可被其他用户读取"],
        [
            "chmod 600 the file, or keep secrets in files of their own",
            "对配置文件执行 chmod 600，或把密钥放到单独的文件",
        ],
    ),
    entry(
        "TG-DR-027",
        Warning,
        ["others reach a listener in plain text", "明文监听可被其他机器访问"],
        ["listen on 127.0.0.1 there, and let others in over TLS", "该监听改为 127.0.0.1，其他机器走 TLS"],
    ),
    entry(
        "TG-DR-028",
        Note,
        ["whoever is on this machine may do everything without a name", "本机任何人无需身份即可操作"],
        [
            "set identity.anonymous = \"never\" where people share the machine",
            "多人共用本机时设置 identity.anonymous = \"never\"",
        ],
    ),
    entry(
        "TG-DR-029",
        Warning,
        ["the token of `up --lan` is older than a year", "`up --lan` 的令牌已超过一年"],
        [
            "remove the file and start again; a new token is shown once",
            "删除该文件后重新启动，会显示一次新令牌",
        ],
    ),
    entry(
        "TG-DR-030",
        Warning,
        ["the node has nearly as many files open as it may", "节点打开的文件数接近上限"],
        ["raise LimitNOFILE of the unit and start again", "调高单元的 LimitNOFILE 并重启"],
    ),
    entry(
        "TG-DR-031",
        Warning,
        ["files may only become so large", "文件大小受限"],
        [
            "set LimitFSIZE=infinity, or ulimit -f unlimited",
            "设置 LimitFSIZE=infinity，或 ulimit -f unlimited",
        ],
    ),
    entry(
        "TG-DR-032",
        Warning,
        ["the node has nearly used up its control group's memory", "节点内存接近控制组上限"],
        [
            "allow the group more, or the node less: tidegate_process_budget_bytes names who may hold what",
            "调高控制组上限，或减少节点用量：tidegate_process_budget_bytes 列出各部分可用的内存",
        ],
    ),
    entry(
        "TG-DR-033",
        Warning,
        ["the control group holds its processes back", "控制组限制了 CPU，进程被迫等待"],
        ["allow the group more CPU (CPUQuota)", "调高控制组的 CPU 配额（CPUQuota）"],
    ),
    entry(
        "TG-DR-034",
        Warning,
        ["the control group allows few more tasks", "控制组可用的任务数所剩无几"],
        ["raise TasksMax of the unit", "调高单元的 TasksMax"],
    ),
    entry(
        "TG-DR-035",
        Note,
        ["the watchdog has dumped an incident", "看门狗写过事件转储"],
        [
            "look at about.json in it, and remove the folder when it is understood",
            "查看其中的 about.json；查明原因后可删除该目录",
        ],
    ),
];

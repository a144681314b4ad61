#pragma once

#include <string>
#include <vector>

#include "main/config.h"

/// The sub-commands of `lists`, one small file each. Each returns the exit status: 0, 1 (it
/// failed), or 2 (it cannot work like this: settings, port, folder), having said why on standard
/// error.
namespace lists {

/// `command`: serve or api.
int Serve(const std::string& command, const Config& config);
int MigrateCommand(const Config& config);
int CheckConfig(const Config& config);
int BackupCommand(const Config& config, const std::string& file);
int RestoreCommand(const Config& config, const std::string& file);
/// `at_least`: empty, or what the epoch is to be at least.
int EpochBump(const Config& config, const std::string& at_least);
/// Writes the deletion ledger to a file, a line each, or brings such a file in: what it names is
/// erased again at the next start.
int LedgerExport(const Config& config, const std::string& file);
int LedgerImport(const Config& config, const std::string& file);
int Routes();
int Help();
int Version();

/// `lists: <sentence>` on standard error.
void Complain(const std::string& sentence);

}  // namespace lists

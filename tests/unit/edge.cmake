# Fault injection: these tests put functions of their own before calls of the C library.
foreach(test auditor auditor_faults auditor_room auditor_sync auditor_old archive audit_verify ledger_epoch shipper)
  foreach(call write pwrite fdatasync ftruncate fsync renameat2 fallocate renameat unlinkat)
    target_link_options(unit_edge_${test} PRIVATE -Wl,--wrap=${call})
  endforeach()
endforeach()
target_link_options(unit_edge_auditor PRIVATE -Wl,--wrap=map_put) # so that there are too many open intents
